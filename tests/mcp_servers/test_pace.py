import asyncio
from datetime import UTC, datetime

import pytest
from fastmcp.exceptions import ToolError

from mcp_servers.common.pace import Pace, pause_s

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """Time passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        await asyncio.sleep(0)

    def read(self) -> float:
        return self.now


def made(gap_s: float) -> tuple[Pace, Clock]:
    clock = Clock()
    return Pace(gap_s, clock.read, clock.sleep), clock


async def test_requests_go_one_after_the_other_a_gap_apart() -> None:
    pace, clock = made(1.1)
    await asyncio.gather(*[pace.wait("It") for _ in range(4)])
    assert clock.slept == [1.1, 2.2, 3.3]


async def test_a_request_after_the_gap_waits_for_nobody() -> None:
    pace, clock = made(1.1)
    await pace.wait("It")
    clock.now += 1.1
    await pace.wait("It")
    assert clock.slept == []


async def test_a_queue_that_is_too_long_is_not_joined() -> None:
    pace, clock = made(1.0)
    for _ in range(9):
        await pace.wait("It")
    with pytest.raises(ToolError, match=r"Too many requests wait for It. Ask again in 9 s, one at a time"):
        await pace.wait("It")
    assert clock.slept[-1] == 8.0
    clock.now += 1.0
    await pace.wait("It")  # whom it refused took no turn


async def test_a_pause_refuses_until_it_is_over() -> None:
    pace, clock = made(0)
    pace.pause(30)
    pace.pause(10)  # a shorter one does not end it
    clock.now += 29.5
    with pytest.raises(ToolError, match=r"It asks for fewer requests. Try again in 1 s"):
        await pace.wait("It")
    clock.now += 0.5
    await pace.wait("It")


async def test_a_pause_also_holds_for_who_waited_already() -> None:
    pace, _ = made(1.0)
    await pace.wait("It")
    waiting = asyncio.create_task(pace.wait("It"))
    await asyncio.sleep(0)
    pace.pause(60)
    with pytest.raises(ToolError, match="Try again in 60 s"):
        await waiting


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        (" 0 ", 0),
        ("999999999999999999999", 3600),
        ("Thu, 01 Jan 2026 00:02:00 GMT", 120),
        ("Thu, 01 Jan 2026 00:02:00 -0000", 120),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 3600),
        ("-5", 60),
        ("soon", 60),
        ("Thu, 01 Jan 99999999999999999999 00:00:00 GMT", 60),
        ("Thu, 01 Jan 2026 00:00:00 +99999999999999999999", 60),
        ("", 60),
        ("²", 60),
    ],
)
def test_what_retry_after_asks_for(header: str, seconds: float) -> None:
    assert pause_s(header, NOW) == seconds
