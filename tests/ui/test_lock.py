import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from py_mono.protocol.errors import SandboxError
from py_mono.ui.lock import Lock, describe

WHOLE = {"namespaces": "on", "capabilities": "on", "landlock": "on (ABI 7)", "seccomp": "on", "limits": "on"}


def told(layers: Mapping[str, str], gaps: list[str], *, network: bool = False) -> Lock:
    async def report() -> Mapping[str, Any]:
        return {"layers": layers, "open": gaps}

    return asyncio.run(describe(report, network=network))


@pytest.mark.parametrize(
    ("layers", "gaps", "network", "expected"),
    [
        (WHOLE, [], False, Lock("lock: namespaces, capabilities, Landlock, seccomp, limits; no network", ())),
        (
            WHOLE,
            ["The network is on."],
            True,
            Lock("lock: namespaces, capabilities, Landlock, seccomp, limits; the network is on", ()),
        ),
        (
            {**WHOLE, "namespaces": "on without pids (proc:\nnot permitted)"},
            ["Tools see all processes."],
            False,
            Lock("lock: namespaces without pids, capabilities, Landlock, seccomp, limits; no network", ()),
        ),
        (
            {**WHOLE, "namespaces": "off: not\nallowed\x1b[2J", "landlock": "off: kernel"},
            ["Tools see\nall processes."],
            False,
            Lock(
                "lock: WITHOUT namespaces (not allowed), Landlock (kernel); with capabilities, seccomp, limits; no network",
                ("Tools see all processes.",),
            ),
        ),
        (
            dict.fromkeys(WHOLE, "off: chosen"),
            ["tools run unconfined"],
            False,
            Lock("NO LOCK: --sandbox off", ("tools run unconfined",)),
        ),
    ],
)
def test_a_lock_is_said_in_one_line_and_its_gaps_below(
    layers: Mapping[str, str], gaps: list[str], *, network: bool, expected: Lock
) -> None:
    assert told(layers, gaps, network=network) == expected


def test_a_worker_that_cannot_confine_itself_is_said_and_raises_nothing() -> None:
    async def report() -> Mapping[str, Any]:
        raise SandboxError("no lock can be had", remedy="install bubblewrap")

    lock = asyncio.run(describe(report, network=False))
    assert lock.text == "NO TOOLS: no lock can be had\ninstall bubblewrap"
