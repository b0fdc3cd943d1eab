"""Finding and ending what a process started; each test in a child of its own, which adopts."""

import os
import select
import traceback
from collections.abc import Callable

import pytest

from py_mono.sandbox import processes


def in_child(check: Callable[[], None]) -> None:
    """Run ``check`` in a fork; its assertion is ours."""
    said, say = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            processes.become_subreaper()
            check()
        except BaseException:  # noqa: BLE001 - told to the parent, which fails
            os.write(say, traceback.format_exc().encode())
        os._exit(0)
    os.close(say)
    with open(said) as file:
        text = file.read()
    os.waitpid(pid, 0)
    assert not text, text


def sleeping_family() -> int:
    """A child with a child, both in sessions of their own; returns when both run."""
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork() == 0:
            os.setsid()
        os.write(tell, b"x")
        select.select([], [], [])
    os.read(ready, 1)
    while select.select([ready], [], [])[0] and not os.read(ready, 1):
        pass
    return child


def test_everything_below_is_found_in_both_ways() -> None:
    def check() -> None:
        child = sleeping_family()
        quick, slow = processes.descendants(), processes._family_by_status(frozenset(), 1 << 30)
        assert quick == slow
        assert quick[0] == child
        assert len(quick) == 2
        assert processes.children() == [child]
        assert processes._family_by_status(frozenset(), 1) == [child]
        processes.end_descendants()

    in_child(check)


def test_what_is_spared_lives_and_its_family_too() -> None:
    def check() -> None:
        spared, other = sleeping_family(), sleeping_family()
        statuses = processes.end_descendants(frozenset({spared}))
        assert other in statuses
        assert spared not in statuses
        assert len(processes.descendants()) == 2
        assert processes._family_by_status(frozenset({spared}), 9) == []
        processes.end_descendants()
        assert processes.descendants() == []

    in_child(check)


@pytest.mark.parametrize("count", [1, 30])
def test_ending_nothing_ends(count: int) -> None:
    def check() -> None:
        for _ in range(count):
            assert processes.end_descendants() == {}

    in_child(check)
