"""The thread that imports LiteLLM: once, watched by whoever waits, never by whoever does not."""

import asyncio
import gc
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from py_mono.llm.clouds.loader import LOADER, Loader
from py_mono.protocol.errors import ConfigError


class Work:
    """Stands for the import: goes on when it is told to."""

    def __init__(self, failure: BaseException | None = None) -> None:
        self.asked: list[str] = []
        self.go = threading.Event()
        self._failure = failure

    def __call__(self, provider: str) -> Any:
        self.asked.append(provider)
        assert self.go.wait(10)
        if self._failure:
            raise self._failure
        return self


async def test_it_is_done_once_for_all_who_wait() -> None:
    work = Work()
    loader = Loader(work)
    loader.start("groq")
    waiting = [asyncio.ensure_future(loader.loaded("openai")) for _ in range(3)]
    await asyncio.sleep(0.01)
    assert not any(one.done() for one in waiting)
    work.go.set()
    found: list[object] = list(await asyncio.gather(*waiting))
    assert found == [work] * 3
    assert work.asked == ["groq"]


async def test_who_stops_waiting_stops_nothing() -> None:
    work = Work()
    loader = Loader(work)
    waiting = asyncio.ensure_future(loader.loaded("groq"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    work.go.set()
    assert await loader.loaded("groq") is work  # type: ignore[comparison-overlap]  # stands for a class


def test_a_loop_that_is_gone_when_it_is_done_is_left_alone(capfd: pytest.CaptureFixture[str]) -> None:
    work = Work()
    loader = Loader(work)

    async def begin() -> None:
        waiting = asyncio.ensure_future(loader.loaded("groq"))
        await asyncio.sleep(0.01)
        waiting.cancel()

    asyncio.run(begin())
    work.go.set()
    assert loader.start("groq").result(10) is work  # type: ignore[comparison-overlap]  # stands for a class
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "failure", [ModuleNotFoundError("No module named 'litellm'"), ImportError("cannot import name"), SystemExit(1)]
)
async def test_an_import_that_fails_is_told_to_each_who_asks(failure: BaseException) -> None:
    work = Work(failure)
    work.go.set()
    loader = Loader(work)
    for _ in range(2):
        with pytest.raises(ConfigError) as caught:
            await loader.loaded("groq")
        assert str(failure) in str(caught.value)
        assert "install" in caught.value.remedy


async def test_the_import_leaves_collector_and_threads_as_they_were() -> None:
    before = gc.isenabled(), sys.getswitchinterval()
    await LOADER.loaded("openai")
    assert (gc.isenabled(), sys.getswitchinterval()) == before == (True, 0.005)


def test_loading_it_asks_nobody_and_reads_no_settings_of_the_folder_it_is_in(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENAI_API_BASE=http://evil\nHTTPS_PROXY=http://evil\n")
    code = """
import json, os, sys
asked = []
sys.addaudithook(lambda event, _: asked.append(event) if event in ("socket.connect", "socket.getaddrinfo") else None)
from py_mono.llm.clouds.loader import LOADER
LOADER.start("groq").result()
print(json.dumps([asked, [name for name in ("OPENAI_API_BASE", "HTTPS_PROXY") if name in os.environ]]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[3]), "HOME": str(tmp_path)},
    )
    assert (json.loads(done.stdout), done.stderr) == ([[], []], "")
