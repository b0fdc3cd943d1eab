"""The filter is run here by a small interpreter of classic BPF, for both architectures, and compared with the kernel's headers."""

import errno
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_mono.sandbox import seccomp
from py_mono.sandbox.seccomp import ARM64, X86_64, Code

ALLOW, KILL = "allow", "kill"
ARCHITECTURES = [X86_64, ARM64]
TABLES = {
    **seccomp.ALWAYS, **seccomp.OWNERS, **seccomp.XATTR, **seccomp.TIMES, **seccomp.WITHOUT_IPC, **seccomp.FILTERED,
}  # fmt: skip


def run(code: Code, arch: int, number: int, *arguments: int) -> str | int:
    """What the filter answers: ``allow``, ``kill`` or an errno."""
    data = number.to_bytes(4, "little") + arch.to_bytes(4, "little") + bytes(8)
    data += b"".join(value.to_bytes(8, "little") for value in (*arguments, *[0] * (6 - len(arguments))))
    at, register = 0, 0
    while True:
        operation, if_true, if_false, operand = code[at]
        at += 1
        if operation == 0x20:
            register = int.from_bytes(data[operand : operand + 4], "little")
        elif operation == 0x54:
            register &= operand
        elif operation == 0x06:
            return {0x7FFF0000: ALLOW, 0x80000000: KILL}.get(operand, operand & 0xFFFF)
        else:
            holds = {0x15: register == operand, 0x35: register >= operand, 0x45: bool(register & operand)}[operation]
            at += if_true if holds else if_false


def whole(arch: int, *, spaces: bool = True, network: bool = False) -> Code:
    return seccomp.assemble(arch, mounts=spaces, processes=spaces, internet=spaces or network, unix=spaces)


def number(arch: int, name: str) -> int:
    found = TABLES[name][0 if arch == X86_64 else 1]
    assert found is not None
    return found


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_other_architectures_are_killed(arch: int) -> None:
    assert run(whole(arch), 0x40000003, 1) == KILL  # 32-bit x86
    assert run(whole(arch), X86_64 if arch == ARM64 else ARM64, 1) == KILL


def test_x32_is_killed() -> None:
    assert run(whole(X86_64), X86_64, 0x40000000 | 1) == KILL


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("spaces", [True, False])
def test_every_call_of_the_table_is_denied_and_every_other_one_allowed(arch: int, *, spaces: bool) -> None:
    column = 0 if arch == X86_64 else 1
    expected = {numbers[column]: errno.EPERM for numbers in seccomp.ALWAYS.values()}
    if not spaces:
        for table, answer in (
            (seccomp.OWNERS, 0), (seccomp.XATTR, errno.EOPNOTSUPP), (seccomp.TIMES, 0),
            (seccomp.WITHOUT_IPC, errno.ENOSYS),
        ):  # fmt: skip
            expected |= {numbers[column]: answer for numbers in table.values()}
    decided = {numbers[column] for numbers in seccomp.FILTERED.values()}
    code = whole(arch, spaces=spaces)
    answers = {value: run(code, arch, value) for value in range(600) if value not in decided}
    assert answers == {value: expected.get(value, ALLOW) for value in answers}


@pytest.mark.parametrize("arch", ARCHITECTURES)
@given(flags=st.integers(0, (1 << 32) - 1))
def test_clone_is_allowed_just_without_new_namespaces(arch: int, flags: int) -> None:
    spaces = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
    assert run(whole(arch), arch, number(arch, "clone"), flags) == (errno.EPERM if flags & spaces else ALLOW)


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize(
    ("spaces", "network", "families"),
    [(True, False, {1, 2, 10, 16}), (True, True, {1, 2, 10, 16}), (False, False, set()), (False, True, {2, 10, 16})],
)
def test_socket_families_follow_what_else_stands(arch: int, families: set[int], *, spaces: bool, network: bool) -> None:
    code = whole(arch, spaces=spaces, network=network)
    allowed = {family for family in range(50) if run(code, arch, number(arch, "socket"), family, 1, 0) == ALLOW}
    assert allowed == families
    audit = 9
    assert run(code, arch, number(arch, "socket"), 16, 3, audit) == errno.EAFNOSUPPORT


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_pairs_stay_usable_without_unix_sockets_but_for_datagram_ones(arch: int) -> None:
    code = whole(arch, spaces=False)
    flags = 0o2000000 | 0o4000  # close-on-exec, non-blocking
    kinds = {kind for kind in range(8) if run(code, arch, number(arch, "socketpair"), 1, kind | flags) == ALLOW}
    assert kinds == {1, 5}


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_arguments_decide(arch: int) -> None:
    code, bare = whole(arch), whole(arch, spaces=False)
    assert run(code, arch, number(arch, "clone3")) == errno.ENOSYS
    assert run(code, arch, number(arch, "ioctl"), 0, 0x5412) == errno.EPERM
    assert (
        run(code, arch, number(arch, "ioctl"), 0, (1 << 32) | 0x5412) == errno.EPERM
    )  # the kernel drops the upper half
    assert run(code, arch, number(arch, "ioctl"), 0, 0x5413) == ALLOW
    assert [run(code, arch, number(arch, "mknodat"), 0, 0, kind) for kind in (0o010644, 0o020644, 0o060644)] == [
        ALLOW, errno.EPERM, errno.EPERM,
    ]  # fmt: skip
    assert [run(bare, arch, number(arch, "utimensat"), 3, path) for path in (0, 1, 1 << 40)] == [ALLOW, 0, 0]
    assert [run(bare, arch, number(arch, "prlimit64"), pid) for pid in (0, 7)] == [ALLOW, errno.EPERM]
    assert [run(bare, arch, number(arch, "setpriority"), 0, pid) for pid in (0, 7)] == [ALLOW, errno.EPERM]
    assert run(code, arch, number(arch, "prlimit64"), 7) == ALLOW


@pytest.mark.parametrize(
    ("column", "header"),
    [(0, "x86_64-linux-gnu/asm/unistd_64.h"), (1, "asm-generic/unistd.h")],
    ids=["x86-64", "arm64"],
)
def test_the_numbers_are_the_kernels(column: int, header: str) -> None:
    path = Path("/usr/include") / header
    if not path.exists():
        pytest.skip(f"the kernel's headers are not installed here ({path})")
    found: dict[str, int] = {}
    for name, value in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", path.read_text()):
        found.setdefault(name, int(value))
    newer = 450  # calls above may be missing in older headers
    wrong = {
        name: (numbers[column], found.get(name))
        for name, numbers in TABLES.items()
        if numbers[column] != found.get(name) and (numbers[column] or 0) < newer
    }
    assert wrong == {}


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_without_a_pid_namespace_nobody_but_oneself_is_slowed_down(arch: int) -> None:
    code, bare = whole(arch), whole(arch, spaces=False)
    process, group, user = 0, 1, 2
    assert [run(bare, arch, number(arch, "setpriority"), kind, 0) for kind in (process, group, user)] == [
        ALLOW, errno.EPERM, errno.EPERM,
    ]  # fmt: skip
    wanted = [(1, 0), (1, 7), (2, 0), (3, 0)]  # kinds are counted from 1 here
    assert [run(bare, arch, number(arch, "ioprio_set"), *who) for who in wanted] == [ALLOW, *[errno.EPERM] * 3]
    for name in ("sched_setscheduler", "sched_setparam", "sched_setattr"):
        assert [run(bare, arch, number(arch, name), pid) for pid in (0, 7)] == [ALLOW, errno.EPERM]
        assert run(code, arch, number(arch, name), 7) == ALLOW
    assert run(code, arch, number(arch, "setpriority"), user, 0) == ALLOW
    assert run(code, arch, number(arch, "io_setup"), 1) == errno.ENOSYS
