"""GUEST. Landlock: which paths, ports, sockets and processes this process and its children may reach.

Source: landlock(7) and ``Documentation/userspace-api/landlock.rst``. A ruleset names the rights it *handles*; what is
handled and not allowed by a rule is denied. Domains nest: each further one can only take away.
"""

import os
import stat
import struct

from py_mono.sandbox import kernel

TYPE_CHECKING = False  # spelled out: importing typing costs the worker 4 ms
if TYPE_CHECKING:
    from collections.abc import Container, Iterable

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 1 << 1, 1 << 2, 1 << 3
REFER, TRUNCATE, IOCTL_DEV, RESOLVE_UNIX = 1 << 13, 1 << 14, 1 << 15, 1 << 16
_MAKE_AND_REMOVE = sum(1 << bit for bit in range(4, 13)) & ~(1 << 6 | 1 << 11)  # no device nodes
_FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV | RESOLVE_UNIX  # what a rule for a file may hold
READ = EXECUTE | READ_FILE | READ_DIR
WRITE = READ | WRITE_FILE | _MAKE_AND_REMOVE | REFER | TRUNCATE | RESOLVE_UNIX
DEVICE = READ_FILE | WRITE_FILE | TRUNCATE | IOCTL_DEV | READ_DIR

_NET_TCP = 0b11  # bind and connect
_SCOPE_ABSTRACT_UNIX, _SCOPE_SIGNAL = 1, 2
_RULE_PATH_BENEATH = 1
_VERSION = 1
_HANDLED_BY_ABI = ((1, (1 << 13) - 1), (2, REFER), (3, TRUNCATE), (5, IOCTL_DEV), (9, RESOLVE_UNIX))
NETWORK_ABI, SCOPE_ABI, UNIX_ABI = 4, 6, 9


def abi() -> int:
    """The kernel's Landlock version, 0 where there is none."""
    try:
        return kernel.syscall("landlock", kernel.SYS_LANDLOCK_CREATE, None, 0, _VERSION)
    except OSError:
        return 0


def restrict(
    rules: "Iterable[tuple[str, int]]", *, version: int, deny_tcp: bool, resolved: "Container[str]" = ()
) -> None:
    """Confine this process for good to ``rules``, (path, rights) pairs; paths that are missing are left out.

    So are those of the ``resolved`` ones on the way to which there is a link by now.
    Signals and abstract UNIX sockets are scoped to the domain from ABI 6 on. ``no_new_privs`` must be set.

    Raises:
        OSError: The kernel refused.
    """
    handled = sum(rights for since, rights in _HANDLED_BY_ABI if version >= since)
    network = _NET_TCP if deny_tcp and version >= NETWORK_ABI else 0
    ruleset = _create(handled, network, _SCOPE_ABSTRACT_UNIX | _SCOPE_SIGNAL, version)
    try:
        for path, rights in rules:
            _allow(ruleset, path, rights & handled, resolved)
        kernel.syscall("landlock", kernel.SYS_LANDLOCK_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)


def scope_signals() -> bool:
    """Enter one more domain, whose processes can signal, trace and inspect only each other; False before ABI 6.

    For the first process of a command, between fork and exec: it can then neither stop nor look into the one that
    watches over it. It takes nothing else away: moves and links from folder to folder are denied by any domain that
    does not allow them by a rule, so this one does, everywhere.

    Raises:
        OSError: The kernel refused.
    """
    version = abi()
    if version < SCOPE_ABI:
        return False
    ruleset = _create(REFER, 0, _SCOPE_SIGNAL, version)
    try:
        _allow(ruleset, "/", REFER, ())
        kernel.syscall("landlock", kernel.SYS_LANDLOCK_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)
    return True


def _create(files: int, network: int, scoped: int, version: int) -> int:
    attributes = struct.pack("=QQQ", files, network, scoped if version >= SCOPE_ABI else 0)
    size = (
        24 if version >= SCOPE_ABI else 16 if version >= NETWORK_ABI else 8
    )  # older kernels refuse what they do not know
    return kernel.syscall("landlock", kernel.SYS_LANDLOCK_CREATE, attributes, size, 0)


def _allow(ruleset: int, path: str, rights: int, resolved: "Container[str]") -> None:
    try:
        handle = kernel.open_place(path, resolved)
    except OSError:  # missing, out of reach anyway, or no longer what was resolved
        return
    try:
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            rights &= _FILE_RIGHTS
        if rights:
            rule = struct.pack("=Qi", rights, handle)
            kernel.syscall(path, kernel.SYS_LANDLOCK_ADD, ruleset, _RULE_PATH_BENEATH, rule, 0)
    finally:
        os.close(handle)
