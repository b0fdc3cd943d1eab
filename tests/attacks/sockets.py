"""Sockets of every family: out of the lock, to this machine's own listeners."""

from tests.attacks.model import Attack, World, received, says_so


def unix(name: str, path: str) -> Attack:
    """Reach a listening socket by its path."""
    return Attack(
        f"unix-{name}", f"reach a service whose socket lies in {name}", received(f"unix-{name}"),
        python=f"""
import socket
sock = socket.socket(socket.AF_UNIX)
sock.connect("{path}")
sock.send(b"hello")
""",
    )  # fmt: skip


def served(world: World) -> bool:
    """A server of the tools' own answers outside."""
    return world.reachable(int(world.path("@UDP@")))


SOCKETS = (
    Attack("tcp", "connect to a server on the machine", received("tcp"), shell="exec 3<>/dev/tcp/127.0.0.1/@PORT@ && echo hi >&3"),
    Attack("tcp6", "connect over IPv6", received("tcp6"),
           python="""
import socket
if "@PORT6@" == "0":
    impossible("no IPv6")
socket.create_connection(("::1", @PORT6@)).send(b"hello")
"""),
    Attack("udp", "send a datagram", received("udp"), shell="echo hi > /dev/udp/127.0.0.1/@UDP@"),
    Attack("mptcp", "connect over multipath TCP, which Landlock does not see", received("tcp"),
           python="""
import socket
try:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
except OSError as error:
    if error.errno in (errno.EPROTONOSUPPORT, errno.ENOPROTOOPT, errno.EINVAL) and "@MODE@" in ("bare", "off"):
        impossible("no MPTCP")
    raise
sock.connect(("127.0.0.1", @PORT@))
sock.send(b"hello")
"""),
    Attack("fast-open", "send with the connection's first packet, which Landlock does not see", received("tcp"),
           python="""
import socket
sock = socket.socket()
sock.sendto(b"hello", socket.MSG_FASTOPEN, ("127.0.0.1", @PORT@))
"""),
    Attack("sctp-and-dccp", "use rarer transports", says_so, needs="root",
           python="""
import socket
for kind, protocol in ((socket.SOCK_STREAM, 132), (6, 33), (socket.SOCK_SEQPACKET, 132)):
    try:
        socket.socket(socket.AF_INET, kind, protocol)
        win(protocol)
    except OSError as error:
        print(error)
if "@MODE@" in ("bare", "off"):
    impossible("no SCTP, no DCCP")
"""),
    Attack("raw", "forge a packet on a raw socket", received("udp"), needs="root",
           python="""
import socket, struct
sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
sock.sendto(struct.pack("!HHHH", 9, @UDP@, 13, 0) + b"hello", ("127.0.0.1", 0))
"""),
    Attack("packet", "listen to or forge frames on a packet socket", says_so, needs="root",
           python="""
import socket
socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)).bind(("lo", 0))
win()
"""),
    Attack("netlink-sockets", "list the machine's sockets over netlink", says_so,
           python="""
import socket, struct
sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4)
request = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 1 << 10) + bytes(48)
sock.send(struct.pack("=IHHII", 16 + len(request), 20, 0x301, 1, 0) + request)
if struct.pack("!H", @PORT@) in sock.recv(65536):
    win()
"""),
    Attack("netlink-configure", "change the machine's network over netlink", says_so, needs="root",
           python="""
import socket, struct
sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
info = struct.pack("=BBHiII", 0, 0, 0, 1, 1, 1)  # lo: up, which it is
sock.send(struct.pack("=IHHII", 16 + len(info), 16, 5, 1, 0) + info)
answer = sock.recv(4096)
if struct.unpack_from("=i", answer, 16)[0] == 0:
    win()
"""),
    Attack("netlink-events", "listen to the kernel's device events, or its audit", says_so,
           python="""
import socket
sock = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 15)
sock.bind((0, 1))
win()
"""),
    Attack("vsock", "talk to the hypervisor, which no network namespace stops", says_so,
           python="""
import socket
try:
    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
except OSError as error:
    if "@MODE@" in ("bare", "off"):
        impossible(f"no vsock: {error}")
    raise
win()
"""),
    Attack("kernel-crypto", "reach the kernel's crypto through AF_ALG", says_so,
           python="""
import socket
try:
    sock = socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET)
except OSError as error:
    if "@MODE@" in ("bare", "off"):
        impossible(f"no AF_ALG: {error}")
    raise
win()
"""),
    Attack("rare-families", "open sockets of rare families", says_so,
           python="""
import socket
opened = []
for family in range(3, 47):
    if family in (socket.AF_INET6, socket.AF_NETLINK):
        continue
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        try:
            socket.socket(family, kind)
            opened.append((family, kind))
        except OSError:
            pass
if opened:
    win(opened)
elif "@MODE@" in ("bare", "off"):
    impossible("none of them in this kernel")
"""),
    Attack("abstract", "reach a service by its abstract name", received("abstract"),
           python="""
import socket
sock = socket.socket(socket.AF_UNIX)
sock.connect("\\0@ABS@")
sock.send(b"hello")
"""),
    unix("outside", "@OUT@/bait.sock"),
    unix("home", "@HOME@/bait.sock"),
    unix("run", "@RUN@/bait.sock"),
    Attack("unix-datagram", "write to the system log's kind of socket", received("datagram"),
           python="""
import socket
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"hello", "@RUN@/log.sock")
"""),
    Attack("unix-by-link", "reach a service through a link in the workspace", received("unix-run"),
           python="""
import socket
os.symlink("@RUN@", "r")
sock = socket.socket(socket.AF_UNIX)
sock.connect("r/bait.sock")
sock.send(b"hello")
"""),
    Attack("own-server", "serve on the machine's loopback, where a browser would find it", served,
           steps=(
               ("shell", {"command": "@PY@ -I -S -m http.server --bind 127.0.0.1 @UDP@ & echo $! @MARK@", "background": True}),
               ("shell", {"command": "sleep 0.7"}),
           )),
    Attack("bound-to-all", "use the agent's own proxy or resolver by TCP", received("tcp"),
           python="""
import urllib.request
urllib.request.urlopen("http://localhost:@PORT@/", timeout=1)
"""),
)  # fmt: skip
