"""Where parts of /proc are hidden, as in a container, nobody may mount a whole one: all but the pid namespace is kept."""

import os
from collections.abc import Iterator

import pytest

from py_mono.sandbox import landlock
from py_mono.sandbox.profile import LAYERS
from tests.sandbox.locking import ORDINARY_USER, Arena, arena_for, victims

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can hide parts of /proc")


@pytest.fixture
def arena() -> Iterator[Arena]:
    with arena_for(ORDINARY_USER) as made:
        yield made


def test_the_layer_is_on_and_says_what_it_lacks(arena: Arena) -> None:
    result = arena.run(arena.profile(), "/bin/true", masked=True)
    assert (result["exit_code"], result["stderr"]) == (0, "")
    assert result["report"] == {
        "layers": {
            **dict.fromkeys(LAYERS, "on"),
            "namespaces": "on without pids (proc: Operation not permitted)",
            "landlock": f"on (ABI {landlock.abi()})",
        },
        "open": ["Tools see the names and command lines of other processes."],
    }


def test_it_stays_in_its_own_process(arena: Arena) -> None:
    result = arena.run(arena.profile(), "/bin/true", masked=True)
    assert "pid" not in result
    assert result["own_pid"] > 1


def test_nothing_gets_through(arena: Arena) -> None:
    with victims(arena) as targets:
        result = arena.attack(arena.profile(), masked=True, **targets)
    assert {name for name, outcome in result["outcomes"].items() if outcome == "done"} == set()


def test_ordinary_work_goes_on(arena: Arena) -> None:
    script = """
    set -e
    test "$(readlink /proc/self)" != ""; test -d /proc/$$; test ! -e /proc/sys/kernel/core_pattern || test ! -w /proc/sys/kernel/core_pattern
    echo text > "$TMPDIR/a"; test "$(cat /tmp/a)" = text; test ! -e /run; test ! -s .keys.enc; ls /dev/pts /proc/self/fd > /dev/null
    """
    result = arena.run(arena.profile(), "/bin/sh", "-c", script, masked=True)
    assert (result["exit_code"], result["stderr"]) == (0, "")
