"""GUEST. What this process may do by being who it is: taking the ids of the workspace's owner, and dropping capabilities."""

import os
import struct

from py_mono.sandbox import kernel
from py_mono.sandbox.profile import Profile

_CAPABILITY_VERSION = 0x20080522
_SECUREBITS = 0b1110_1111  # NOROOT, NO_SETUID_FIXUP, no ambient, each locked; KEEP_CAPS locked off


def take_ids(profile: Profile) -> None:
    """Become the workspace's owner where this is root and the owner is not.

    Raises:
        OSError: The kernel refused.
    """
    if profile.uid is None or profile.gid is None or os.geteuid() != 0:
        return
    if "capabilities" in profile.layers:
        _empty_bounding_set()
    os.setgroups([])
    os.setresgid(profile.gid, profile.gid, profile.gid)
    os.setresuid(profile.uid, profile.uid, profile.uid)
    kernel.prctl("dumpable", kernel.PR_SET_DUMPABLE, 1)  # until the end: /proc/self must stay writable for the maps


def drop_capabilities() -> None:
    """Drop them all, for good. Raises OSError."""
    _empty_bounding_set()
    header = struct.pack("=Ii", _CAPABILITY_VERSION, 0)
    kernel.call("capset", kernel.libc.capset, header, bytes(24))  # ambient ones go with the permitted


def _empty_bounding_set() -> None:
    """Drop every capability from the bounding set and lock the bits that would give root any; needs CAP_SETPCAP."""
    try:
        number = 0
        while True:
            kernel.prctl("capabilities", kernel.PR_CAPBSET_DROP, number)
            number += 1
    except OSError:  # past the last one, or not allowed to: then there is nothing that could be gained
        pass
    try:
        kernel.prctl("securebits", kernel.PR_SET_SECUREBITS, _SECUREBITS)
    except OSError:  # not allowed to: no_new_privs keeps root from gaining any
        return
