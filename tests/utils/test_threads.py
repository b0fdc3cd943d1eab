"""Work in a thread that nobody has to wait for."""

import asyncio
import threading

import pytest

from py_mono.utils.threads import in_thread


async def test_what_it_returns_and_what_it_raises() -> None:
    assert await in_thread(lambda: threading.current_thread().name, "working") == "working"

    def fail() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        await in_thread(fail, "failing")


def test_a_loop_that_is_gone_does_not_wait_and_hears_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    go, done = threading.Event(), threading.Event()

    def work() -> None:
        go.wait(60)
        done.set()

    async def begin() -> None:
        waiting = asyncio.ensure_future(in_thread(work, "slow"))
        await asyncio.sleep(0)
        waiting.cancel()

    asyncio.run(begin())
    assert not done.is_set()
    go.set()
    assert done.wait(60)
    for thread in threading.enumerate():
        if thread.name == "slow":
            thread.join(60)
    assert capfd.readouterr() == ("", "")
