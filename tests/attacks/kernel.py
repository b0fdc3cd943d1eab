"""Calls of the kernel that lead out, or into the kernel itself. Arguments that would do harm are wrong on purpose."""

from tests.attacks.model import Attack, outside_changed, says_so, shows


def reach(name: str, goal: str, arguments: str, *, needs: str = "root", call: str = "", also: str = "()") -> Attack:
    """A call that gets past the question of rights."""
    return Attack(
        name, goal, says_so, needs=needs,
        python=f'if reaches("{call or name}", {arguments}, also={also}):\n    win()\n',
    )  # fmt: skip


KERNEL = (
    Attack("ptrace", "take another process over", says_so,
           python="""
if call("ptrace", 16, @VICTIM@, 0, 0) == 0:
    os.waitpid(@VICTIM@, 0x40000000)
    call("ptrace", 17, @VICTIM@, 0, 0)
    win()
"""),
    Attack("ptrace-seize-agent", "take the agent over", says_so, needs="root",
           python="""
if call("ptrace", 0x4206, @HOST@, 0, 0) == 0:
    win()
"""),
    Attack("process-vm-readv", "copy another process's memory", shows("memory"),
           python="""
class Piece(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
buffer = ctypes.create_string_buffer(64)
local, remote = Piece(ctypes.addressof(buffer), 40), Piece(@ADDRESS@, 40)
call("process_vm_readv", @VICTIM@, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)
print(buffer.raw)
"""),
    Attack("pidfd-getfd", "take a descriptor of the agent", shows("file"), needs="root",
           python="""
held = os.pidfd_open(@HOST@)
for number in range(3, 40):
    try:
        print(os.pread(call("pidfd_getfd", held, number, 0), 100, 0))
    except OSError as error:
        print(error)
"""),
    Attack("kernel-keyring", "read a secret from the person's kernel keyring", shows("keyring"),
           python="""
for ring in (-4, -5, -3):  # user, user session, session
    found = libc.syscall(ctypes.c_long(NUMBERS["keyctl"]), 10, ring, b"user", b"@KEY@", 0)
    if found > 0:
        buffer = ctypes.create_string_buffer(100)
        libc.syscall(ctypes.c_long(NUMBERS["keyctl"]), 11, ctypes.c_long(found), buffer, 100)
        print(buffer.value)
"""),
    reach("add-key", "keep a key in the kernel beyond the call", 'b"user", b"pm-@MARK@", None, 0, -3', needs="", call="add_key"),
    reach("bpf", "load a program into the kernel", "5, None, 0", also="(errno.E2BIG,)"),
    reach("io-uring", "open a ring that does calls unseen", "4, ctypes.create_string_buffer(248)", needs="", call="io_uring_setup"),
    reach("userfaultfd", "halt the kernel in a page fault", "1", needs=""),
    reach("perf-event-open", "watch the kernel's counters", "None, 0, -1, -1, 0", needs="", call="perf_event_open"),
    reach("fanotify", "watch every open on the machine", "0x200, 0", needs="", call="fanotify_init"),
    reach("unshare-user", "become root of a namespace of one's own", "0x10000000", needs="", call="unshare"),
    reach("unshare-mount", "get a mount table of one's own", "0x20000", call="unshare"),
    Attack("clone-user", "start a process as root of its own namespace", says_so,
           python="""
pid = call("clone", 0x10000000 | 17, 0, 0, 0, 0)
if pid == 0:
    os._exit(0)
os.waitpid(pid, 0)
win()
"""),
    Attack("clone3-user", "the same through clone3, whose flags no filter sees", says_so,
           python="""
arguments = (ctypes.c_uint64 * 8)(0x10000000, 0, 0, 0, 17, 0, 0, 0)
pid = call("clone3", arguments, 64)
if pid == 0:
    os._exit(0)
os.waitpid(pid, 0)
win()
"""),
    Attack("ia32-unshare", "ask through the 32-bit door, past a filter that knows one door", says_so,
           python="""
import mmap
if platform.machine() != "x86_64":
    impossible("no 32-bit door on this machine")
page = mmap.mmap(-1, 4096, prot=7)
page.write(bytes.fromhex("53 b8 36 01 00 00 bb 00 00 00 10 cd 80 5b c3"))  # unshare(CLONE_NEWUSER) by int 0x80
child = os.fork()
if child == 0:
    result = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
    os._exit(0 if result == 0 else 1)
status = os.waitpid(child, 0)[1]
if status == 0:
    win()
elif os.WIFSIGNALED(status) and "@MODE@" in ("bare", "off"):
    impossible("this kernel has no 32-bit door")
print(status)
"""),
    Attack("x32-unshare", "ask through the x32 door", says_so,
           python="""
if platform.machine() != "x86_64":
    impossible("no x32 door on this machine")
try:
    libc.syscall.restype = ctypes.c_long
    NUMBERS["x32"] = 0x40000000 | NUMBERS["unshare"]
    call("x32", 0x10000000)
    win()
except OSError as error:
    if error.errno == errno.ENOSYS and "@MODE@" in ("bare", "off"):
        impossible("this kernel has no x32 door")
    raise
"""),
    Attack("mount-bind", "show an outside folder inside the workspace", shows("file"), needs="root",
           python="""
os.mkdir("m")
call("mount", b"@OUT@", b"m", None, 4096, None)
print(open("m/secret.txt").read())
call("umount2", b"m", 2)  # what is left mounted here would be emptied with the workspace
"""),
    Attack("mount-tmpfs", "mount a file system", says_so, needs="root",
           python="""
os.mkdir("m")
call("mount", b"none", b"m", b"tmpfs", 0, None)
call("umount2", b"m", 0)
win()
"""),
    Attack("remount", "make read-only mounts writable again", outside_changed, needs="root",
           python="""
attributes = (ctypes.c_uint64 * 4)(0, 1, 0, 0)
for path in (b"/", b"@OUT@", b"/srv"):
    try:
        call("mount_setattr", -100, path, 0x8000, attributes, 32)
        print("remounted", path)
    except OSError as error:
        print(error)
open("@OUT@/target.txt", "w").write("taken")
"""),
    Attack("uncover-keys", "take the cover off the key store, or off /tmp", says_so, needs="root",
           python="""
for path in (b".keys.enc", b"@WS@"):  # unconfined these are no mounts: the question of rights comes first
    if reaches("umount2", path, 2):
        win(path)
"""),
    reach("new-mount-calls", "mount with the newer calls", 'b"tmpfs", 0', call="fsopen"),
    Attack("open-tree", "copy a mount and open it from there", says_so, needs="root",
           python="""
if call("open_tree", -100, b"/", 1) >= 0:
    win()
"""),
    reach("pivot-root", "change the root of everything", 'b".", b"."', call="pivot_root"),
    reach("chroot", "change one's own root", 'b"."'),
    Attack("setns", "join the namespaces of another process", says_so, needs="root",
           python="""
for pid in ("1", "@HOST@", "@VICTIM@"):
    for kind in ("uts", "net", "ipc", "mnt"):
        try:
            call("setns", os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY), 0)
            win(pid, kind)
        except OSError as error:
            print(error)
"""),
    Attack("open-by-handle", "open an outside file by its number on the disk", shows("file"), needs="root",
           python="""
handle = ctypes.create_string_buffer(8 + 128)
ctypes.c_uint.from_buffer(handle, 0).value = 128
mount_id = ctypes.c_int()
call("name_to_handle_at", -100, b"@OUT@/secret.txt", handle, ctypes.byref(mount_id), 0)
found = call("open_by_handle_at", os.open(".", os.O_RDONLY), handle, 0)
os.write(1, os.read(found, 100))
"""),
    reach("kexec", "boot another kernel", "0, 99, None, 0", call="kexec_load", also="(errno.EBUSY, errno.EADDRNOTAVAIL)"),
    reach("init-module", "load a module", "None, 0, None", call="init_module", also="(errno.ENOEXEC,)"),
    reach("finit-module", "load a module from a file", "-1, b'', 0", call="finit_module", also="(errno.ENOEXEC,)"),
    reach("delete-module", "unload a module", 'b"no-such-module", 0', call="delete_module"),
    reach("reboot", "reboot the machine", "0xfee1dead, 0, 0, None"),
    reach("swapon", "swap to a file of one's own", 'b"/no/such", 0', call="swapon"),
    reach("swapoff", "turn swap off", 'b"/no/such"', call="swapoff"),
    reach("set-clock", "set the clock", "0, ctypes.c_void_p(1)", call="clock_settime"),
    reach("set-time-of-day", "set the time of day", "None, (ctypes.c_int * 2)(9999, 0)", call="settimeofday"),
    Attack("adjust-clock", "make the clock run faster", says_so, needs="root",
           python="""
buffer = ctypes.create_string_buffer(512)
ctypes.c_uint.from_buffer(buffer, 0).value = 0x4000  # the tick, to what it is
ctypes.c_long.from_buffer(buffer, 88).value = 10000
if reaches("adjtimex", buffer):
    win()
"""),
    reach("acct", "write every process's end into a file", 'b"/no/such"'),
    reach("quota", "ask for or set disk quotas", '0x800001 << 8 & 0xffffffff, b"/no/such", 0, None', call="quotactl", also="(errno.ENODEV, errno.ENOTBLK, errno.ESRCH)"),
    reach("host-name", "rename the machine", "ctypes.c_void_p(1), 5", call="sethostname"),
    reach("hang-up", "hang up the terminal", "0", call="vhangup"),
    Attack("ports", "get at the machine's input and output ports", says_so, needs="root",
           python="""
if platform.machine() != "x86_64":
    impossible("no ports on this machine")
if reaches("ioperm", 0x80, 1, 1) or reaches("iopl", 3):
    win()
"""),
    Attack("type-into-terminal", "type into the person's terminal", says_so, needs="root",
           python="""
import fcntl
terminal = os.open("@PTS@", os.O_RDWR | os.O_NOCTTY)
fcntl.ioctl(terminal, 0x5412, b"x")
win()
"""),
    Attack("type-into-own-terminal", "type into a terminal by TIOCSTI, even one's own", says_so, needs="root",
           python="""
import fcntl, pty
master, slave = os.openpty()
fcntl.ioctl(slave, 0x5412, b"x")
win()
"""),
    Attack("type-wide", "the same with bits above 32 set, past a filter that compares 64", says_so, needs="root",
           python="""
import pty
master, slave = os.openpty()
libc.syscall.argtypes = None
number = 16 if platform.machine() == "x86_64" else 29
if libc.syscall(ctypes.c_long(number), ctypes.c_long(slave), ctypes.c_ulong(0xdead00005412), b"x") == 0:
    win()
"""),
    Attack("regain-capabilities", "take capabilities back", says_so, needs="root",
           python="""
import struct
header = struct.pack("Ii", 0x20080522, 0)
if libc.capset(header, struct.pack("III", 0x200000, 0x200000, 0) + bytes(12)) == 0:
    win()
"""),
    Attack("kept-capabilities", "have any capability at all", says_so, needs="root",
           python="""
for line in open("/proc/self/status"):
    if line.startswith(("CapEff", "CapPrm", "CapInh", "CapAmb")) and int(line.split()[1], 16):
        win(line.strip())
"""),
    Attack("setuid-program", "gain rights from a setuid program", shows("rootonly"), shell="[ -e suid-cat ] || echo IMPOSSIBLE: nobody here can make such a program; ./suid-cat rootonly", needs="user"),
    Attack("become-other", "become another user", says_so, needs="root",
           python="""
os.setgroups([0, 6])
win()
"""),
    Attack("dirty-kcmp", "compare the agent's descriptors", says_so, needs="root",
           python="""
if call("kcmp", @HOST@, @VICTIM@, 0, 0, 0) >= 0:
    win()
"""),
)  # fmt: skip
