"""Marks on outside files that are not their content, and which Landlock does not guard."""

from tests.attacks.model import Attack, outside_changed, says_so

METADATA = (
    Attack("chmod-outside", "change the mode of a file outside", outside_changed, open_without="namespaces", shell="chmod 777 @OUT@/secret.txt"),
    Attack("chmod-home", "open the person's keys to everybody", outside_changed, open_without="namespaces", shell="chmod 644 @HOME@/.ssh/id_ed25519"),
    Attack("chmod-descriptor", "the same from a descriptor that only names the file", outside_changed,
           open_without="namespaces", python="""
held = os.open("@OUT@/secret.txt", os.O_PATH)
os.chmod(f"/proc/self/fd/{held}", 0o777)
"""),
    Attack("chmod-new-call", "the same through the newest call", outside_changed,
           open_without="namespaces", python="""
try:
    call("fchmodat2", -100, b"@OUT@/secret.txt", 0o777, 0)
except OSError as error:
    if error.errno == errno.ENOSYS and "@MODE@" in ("bare", "off"):
        impossible("an older kernel")
    raise
"""),
    Attack("chown-outside", "give a file outside away", outside_changed, shell="chown 12345 @OUT@/target.txt", needs="root"),
    Attack("touch-outside", "change a file's time", outside_changed, shell="touch -d 2001-01-01 @OUT@/target.txt"),
    Attack("xattr-outside", "put an attribute on a file outside", outside_changed,
           python="""
try:
    os.setxattr("@OUT@/target.txt", "user.evil", b"x")
except OSError as error:
    if error.errno == errno.ENOTSUP and "@MODE@" in ("bare", "off"):
        impossible("this file system has no attributes")
    raise
"""),
    Attack("acl-outside", "let everybody in by an access list", outside_changed,
           python="""
import struct
entries = ((1, 7, -1), (4, 0, -1), (2, 7, 4242), (16, 7, -1), (32, 0, -1))
entries = ((1, 7, -1), (2, 7, 4242), (4, 0, -1), (16, 7, -1), (32, 0, -1))
value = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)
try:
    os.setxattr("@OUT@/secret.txt", "system.posix_acl_access", value)
except OSError as error:
    if error.errno == errno.ENOTSUP and "@MODE@" in ("bare", "off"):
        impossible("this file system has no access lists")
    raise
"""),
    Attack("flags-outside", "make a file outside unchangeable", says_so, needs="root",
           python="""
import fcntl, struct
held = os.open("@OUT@/target.txt", os.O_RDONLY)
try:
    flags = struct.unpack("l", fcntl.ioctl(held, 0x80086601, bytes(8)))[0]
    fcntl.ioctl(held, 0x40086602, struct.pack("l", flags | 0x40))  # no dump: harmless
except OSError as error:
    if error.errno in (errno.ENOTTY, errno.EOPNOTSUPP) and "@MODE@" in ("bare", "off"):
        impossible("this file system has no flags")
    raise
win()
"""),
    Attack("flags-new-call", "the same by path, through the newest call", says_so,
           python="""
import struct
try:
    call("file_setattr", -100, b"@OUT@/target.txt", struct.pack("=QIIII", 0x80, 0, 0, 0, 0), 24, 0)  # no dump: harmless
except OSError as error:
    if error.errno in (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTTY) and "@MODE@" in ("bare", "off"):
        impossible("an older kernel, or this file system has no flags")
    raise
win()
"""),
    Attack("lock-outside", "hold a lock on a file outside, so that its owner waits", says_so,
           python="""
import fcntl
fcntl.flock(os.open("@OUT@/target.txt", os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
win()
"""),
    Attack("stat-outside", "learn whether and how large a file outside is", says_so, open_without="namespaces",
           python="""
if os.stat("@OUT@/secret.txt").st_size:
    win()
"""),
    Attack("watch-outside", "watch what happens in a folder outside", says_so,
           open_without="namespaces", python="""
watch = libc.inotify_init1(0)
if libc.inotify_add_watch(watch, b"@OUT@", 0xfff) >= 0:
    win()
"""),
)  # fmt: skip
