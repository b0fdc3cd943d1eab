from pathlib import Path
from typing import Any

import msgspec
import pytest

from py_mono.llm.http.endpoint import parse_endpoint
from py_mono.llm.ollama.probe import Described, Installed, NoAnswer, Running
from py_mono.llm.settings import OllamaSettings, ProviderSettings
from py_mono.ui.doctor.findings import Finding
from py_mono.ui.doctor.ollama import NAMES, Seen, is_near, memory, ollama, processor, tool_calls, window
from tests.servers.fake_ollama import FakeOllama, as_json, refuse
from tests.ui.doctor.cases import case

GB = 1_000_000_000
NOTHING = NoAnswer("it said nothing")
SEEN = Seen(
    version="0.33.0",
    installed=[Installed("m:latest", 4 * GB)],
    running=[],
    described=Described(131_072, frozenset({"completion", "tools"}), 100_000),
)


def seen(**members: Any) -> Seen:
    return msgspec.structs.replace(SEEN, **members)


def loaded(**members: Any) -> Seen:
    return seen(running=[Running("m:latest", **members)])


@pytest.mark.parametrize(
    ("what", "verdict", "detail", "remedy"),
    [
        (SEEN, "ok", "32,768 tokens are asked for, of 131,072 that the model can take; it is not loaded now", ""),
        (
            loaded(window=32768),
            "ok",
            "32,768 tokens are asked for, of 131,072 that the model can take; 32,768 are served",
            "",
        ),
        (
            loaded(window=4096),
            "warning",
            "32,768 tokens are asked for, of 131,072 that the model can take; 4,096 are served: another program had it loaded so, and the next request loads it anew",
            "ollama stop m",
        ),
        (
            loaded(),
            "ok",
            "32,768 tokens are asked for, of 131,072 that the model can take; the server does not say what it serves",
            "",
        ),
        (
            seen(described=Described(2048)),
            "warning",
            "2,048 tokens are asked for, of 2,048 that the model can take; it is not loaded now: a working session takes 8,192 and more",
            "ollama pull lfm2.5-thinking:latest",
        ),
        (
            seen(described=NOTHING, running=NOTHING),
            "ok",
            "32,768 tokens are asked for; what the model can take is not known; it is not loaded now",
            "",
        ),
    ],
    ids=["not loaded", "loaded as asked", "loaded smaller", "an old server", "a small model", "nothing known"],
)
def test_the_window_asked_and_served(what: Seen, verdict: Any, detail: str, remedy: str) -> None:
    assert window(case(), "m", what) == Finding("window", verdict, detail, remedy)


def test_a_window_that_is_set_too_small_is_the_setting_to_mend() -> None:
    small = case(provider=ProviderSettings(ollama=OllamaSettings(window_cap=4096)))
    found = window(small, "m", SEEN)
    assert (found.verdict, found.remedy) == ("warning", "export OLLAMA_CONTEXT_LENGTH=32768")


@pytest.fixture
def meminfo(tmp_path: Path) -> Path:
    path = tmp_path / "meminfo"
    path.write_text("MemTotal:  16000000 kB\nMemFree: 1 kB\nMemAvailable:  9000000 kB\nHugePages_Total: 0\n")
    return path


@pytest.mark.parametrize(
    ("size", "verdict", "remedy"),
    [
        (4 * GB, "ok", ""),
        (12 * GB, "warning", "export OLLAMA_CONTEXT_LENGTH=8192"),
        (40 * GB, "warning", "ollama pull lfm2.5-thinking:latest"),
    ],
)
def test_whether_it_fits_is_judged_by_model_and_window(meminfo: Path, size: int, verdict: str, remedy: str) -> None:
    found = memory(case(), "m", seen(installed=[Installed("m", size)]), local=True, meminfo=str(meminfo))
    assert (found.verdict, found.remedy) == (verdict, remedy)
    assert f"the model {size // GB}" in found.detail
    assert "32,768 tokens of window up to 3.3 GB; this machine has 16 GB, 9.2 GB of it free" in found.detail


@pytest.mark.parametrize(
    ("what", "local", "path", "detail"),
    [
        (SEEN, False, "", "about 7.3 GB: the model 4.0 GB, 32,768 tokens of window up to 3.3 GB; what the server's machine has is not known"),
        (SEEN, True, "/nonexistent", "about 7.3 GB: the model 4.0 GB, 32,768 tokens of window up to 3.3 GB; what the server's machine has is not known"),
        (seen(installed=NOTHING), True, "", "the server does not say how large the model is"),
        (seen(installed=[Installed("m")]), True, "", "the server does not say how large the model is"),
        (seen(installed=[Installed("m", 300, "ollama.com")]), True, "", "it runs at ollama.com"),
    ],
)  # fmt: skip
def test_what_cannot_be_known_of_memory_is_not_judged(
    meminfo: Path, what: Seen, *, local: bool, path: str, detail: str
) -> None:
    assert memory(case(), "m", what, local=local, meminfo=path or str(meminfo)) == Finding(
        "memory", "not_checked", detail
    )


def test_a_model_that_is_loaded_fits() -> None:
    assert memory(case(), "m", loaded(size=5 * GB), local=True).detail == "it is loaded, and takes 5.0 GB"


@pytest.mark.parametrize(
    ("what", "gpus", "verdict", "detail"),
    [
        (SEEN, (), "not_checked", "the model is not loaded: CPU or GPU is known after the first reply"),
        (loaded(size=10, on_gpu=10), (), "ok", "all of it is on the GPU"),
        (loaded(size=10, on_gpu=99), (), "ok", "all of it is on the GPU"),
        (loaded(size=10, on_gpu=4), (), "warning", "40 % of it is on the GPU, the rest on the CPU: replies are slow"),
        (loaded(size=10), (), "ok", "all of it is on the CPU: replies take their time"),
        (loaded(size=10), ("/dev/null",), "warning", "all of it is on the CPU, though there is a GPU"),
    ],
)
def test_what_computes(what: Seen, gpus: tuple[str, ...], verdict: str, detail: str) -> None:
    found = processor("m", what, local=True, gpus=gpus)
    assert (found.verdict, found.detail, bool(found.remedy)) == (verdict, detail, verdict == "warning")


@pytest.mark.parametrize(
    ("can", "verdict"),
    [({"completion", "tools"}, "ok"), ({"completion"}, "warning"), ({"embedding"}, "fault"), (set(), "not_checked")],
)
def test_whether_it_calls_tools(can: set[str], verdict: str) -> None:
    assert tool_calls("m", seen(described=Described(0, frozenset(can)))).verdict == verdict


async def test_a_model_of_a_cloud_is_a_warning_for_what_is_said_leaves_the_machine() -> None:
    tags = as_json({"models": [{"name": "big:cloud", "size": 384, "remote_host": "https://ollama.com:443"}]})
    with FakeOllama(tags=tags) as server:
        url = {"OLLAMA_HOST": server.url}
        found = await ollama(case(url, provider=ProviderSettings(base_url=server.url, model="big:cloud")))
    by_name = {one.name: one for one in found}
    assert [one.name for one in found] == list(NAMES)
    assert by_name["model"].verdict == "warning"
    assert by_name["memory"].verdict == "not_checked"


async def test_an_old_server_that_tells_little_is_used_with_what_it_tells() -> None:
    no = refuse(404, "404 page not found")
    with FakeOllama(tags=as_json({"models": [{"name": "m"}]}), version=no, ps=no, show=as_json({})) as server:
        found = await ollama(case(provider=ProviderSettings(base_url=server.url, model="m")))
    assert [one.verdict for one in found] == [
        "ok", "ok", "warning", "ok", "ok", "not_checked", "not_checked", "not_checked",
    ]  # fmt: skip


async def test_an_address_that_is_none_is_the_fault() -> None:
    found = await ollama(case({"OLLAMA_BASE_URL": "ftp://x"}, provider=ProviderSettings(base_url="ftp://x")))
    assert [one.name for one in found] == list(NAMES)
    assert (found[0].verdict, found[0].remedy) == ("fault", "export OLLAMA_BASE_URL=http://localhost:11434")
    assert {one.verdict for one in found[1:]} == {"not_checked"}


@pytest.mark.parametrize(
    ("url", "near"),
    [("localhost", True), ("127.0.0.2", True), ("http://host.docker.internal", True), ("10.0.0.1", False)],
)
def test_which_servers_share_our_memory(url: str, *, near: bool) -> None:
    assert is_near(parse_endpoint(url)) is near
