"""All checks together: their order, their time, and how they are told."""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Sequence

import pytest

from py_mono.llm.http.endpoint import parse_endpoint
from py_mono.llm.ollama.probe import Installed
from py_mono.llm.settings import ProviderSettings
from py_mono.ui.doctor.examine import CHECKS, examine
from py_mono.ui.doctor.findings import Case, Finding, in_thread
from py_mono.ui.doctor.first_start import hint, not_pulled, unreachable
from py_mono.ui.doctor.ollama import NAMES
from py_mono.ui.doctor.report import as_object, print_rows, rows, status, summary
from py_mono.ui.terminal import Screen
from tests.servers.fake_ollama import FakeOllama, as_json, refuse
from tests.servers.faults import FaultServer, Wait
from tests.ui.doctor.cases import case

OK = Finding("one", "ok", "fine")
WARNING = Finding("two", "warning", "strange", "mend --it")
FAULT = Finding("three", "fault", "broken \x1b[2J\nover\u202etwo lines", "repair 'it now'")


async def test_what_is_found_comes_in_the_order_of_the_table() -> None:
    async def slow(_: Case) -> Sequence[Finding]:
        await asyncio.sleep(0.05)
        return [OK]

    async def quick(_: Case) -> Sequence[Finding]:
        return [WARNING]

    found = [one async for one in examine(case(), [(("one",), slow), (("two",), quick)])]
    assert found == [OK, WARNING]


async def test_a_look_that_the_system_refuses_is_a_finding() -> None:
    async def refused(_: Case) -> Sequence[Finding]:
        raise PermissionError(13, "Permission denied", "/x")

    async def hung(_: Case) -> Sequence[Finding]:
        raise TimeoutError

    found = [one async for one in examine(case(), [(("a", "b"), refused), (("c",), hung)])]
    assert found == [
        Finding("a", "warning", "it cannot be looked at: Permission denied"),
        Finding("b", "warning", "it cannot be looked at: Permission denied"),
        Finding("c", "warning", "it took too long to look"),
    ]


async def test_who_stops_listening_ends_all_checks() -> None:
    ended = asyncio.Event()

    async def endless(_: Case) -> Sequence[Finding]:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return []

    async def quick(_: Case) -> Sequence[Finding]:
        return [OK]

    findings = examine(case(), [(("one",), quick), (("two",), endless)])
    assert await anext(findings) == OK
    async with asyncio.timeout(10):
        await findings.aclose()
    assert ended.is_set()


async def test_a_thread_that_hangs_is_left() -> None:
    with pytest.raises(TimeoutError):
        await in_thread(lambda: time.sleep(3), 0.05)
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0)
    assert await in_thread(lambda: 3) == 3


async def test_each_check_has_one_row_whatever_the_provider() -> None:
    names = [name for group, _ in CHECKS for name in group]
    assert len(names) == len(set(names))
    for provider in ("scripted", "ollama", "litellm", "groq"):
        settings = ProviderSettings(provider=provider, base_url="http://127.0.0.1:9", model="groq/x")
        assert [one.name async for one in examine(case(provider=settings))] == names


async def test_a_cloud_without_an_address_of_its_own_is_not_looked_for() -> None:
    settings = ProviderSettings(provider="litellm", model="azure/gpt")
    found = {one.name: one async for one in examine(case(provider=settings)) if one.name in NAMES}
    assert {one.verdict for one in found.values()} == {"not_checked"}
    assert found["model"].detail == "azure/gpt: what opens azure is read by LiteLLM itself"


async def test_a_local_server_of_openais_chat_tells_its_window() -> None:
    models = {"data": [{"id": "m", "owned_by": "vllm", "max_model_len": 16384}]}
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
    body = str(models).replace("'", '"').encode()
    with FaultServer(routes={"/v1/models": [head + str(len(body)).encode() + b"\r\n\r\n" + body]}) as server:
        settings = ProviderSettings(provider="litellm", model="openai/m")
        asked = case({"OPENAI_BASE_URL": f"{server.url}/v1"}, provider=settings)
        found = {one.name: one async for one in examine(asked)}
    assert found["model"] == Finding("model", "ok", "openai/m: it needs no key")
    assert found["server"] == Finding("server", "ok", "vllm")
    assert found["window"] == Finding("window", "ok", "16,384 tokens are served")


async def test_ollama_by_way_of_litellm_is_looked_at_as_ollama() -> None:
    tags = as_json({"models": [{"name": "m"}]})
    with FakeOllama(tags=tags) as server:
        settings = ProviderSettings(provider="litellm", model="ollama/m", base_url=server.url)
        found = {one.name: one async for one in examine(case(provider=settings))}
    assert found["model"] == Finding("model", "ok", "m is pulled")


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def screen(stream: io.StringIO, columns: int = 50, **environment: str) -> Screen:
    return Screen(stream, {"TERM": "xterm", **environment}, columns=columns)


async def listed(*found: Finding) -> AsyncIterator[Finding]:
    for one in found:
        yield one


async def test_rows_for_a_pipe() -> None:
    stream = io.StringIO()
    assert await print_rows(listed(OK, WARNING, FAULT), screen(stream)) == 1
    assert stream.getvalue() == (
        "ok      one          fine\n"
        "warning two          strange\n"
        "        > mend --it\n"
        "FAULT   three        broken overtwo lines\n"
        "        > repair 'it now'\n"
        "\n1 fault and 1 warning; the lines with > say what mends them.\n"
    )


def test_rows_for_a_terminal_are_folded_and_coloured() -> None:
    long = Finding("long", "fault", "word " * 12, "x " * 40)
    assert rows(long, screen(Tty(), 70, NO_COLOR="1")).split("\n")[:3] == [
        "FAULT   long         word word word word word word word word word word",
        "                     word word",
        "        \x1b[1m> " + ("x " * 40).strip() + "\x1b[0m",
    ]
    assert rows(long, screen(Tty(), 30, NO_COLOR="1")).split("\n")[:2] == [
        "FAULT   long         ",
        "  word word word word word",
    ]
    assert rows(FAULT, screen(Tty())).startswith("\x1b[31mFAULT  \x1b[0m")


@pytest.mark.parametrize(
    ("found", "said", "number"),
    [
        ([OK], "Nothing is wrong.", 0),
        ([OK, WARNING, WARNING], "2 warnings; the lines with > say what mends them.", 0),
        ([FAULT, FAULT], "2 faults; the lines with > say what mends them.", 1),
    ],
)
def test_the_summary_and_the_status(found: list[Finding], said: str, number: int) -> None:
    assert (summary(found), status(found)) == (said, number)


def test_the_object_for_programs() -> None:
    odd = Finding("odd", "ok", "/home/\udcff")
    assert as_object([WARNING, odd], version="9") == {
        "version": "9",
        "status": 0,
        "checks": [
            {"name": "two", "verdict": "warning", "detail": "strange", "remedy": "mend --it"},
            {"name": "odd", "verdict": "ok", "detail": "/home/\ufffd", "remedy": ""},
        ],
    }


async def test_where_the_model_is_there_nothing_is_said() -> None:
    with FakeOllama() as server:
        assert not await hint(ProviderSettings(base_url=server.url, model="m"))
        assert {request.target for request in server.requests} == {"/api/show"}
    assert not await hint(ProviderSettings(provider="litellm", model="groq/x"))


async def test_a_server_that_is_silent_or_broken_is_left_to_the_first_request() -> None:
    with FakeOllama(show=refuse(500, "no")) as server:
        assert not await hint(ProviderSettings(base_url=server.url))
    with FaultServer(routes={"/api/show": [Wait()]}) as silent:
        assert not await hint(ProviderSettings(base_url=silent.url))


async def test_where_the_model_is_missing_those_there_are_offered() -> None:
    tags = as_json({"models": [{"name": "qwen3:8b"}, {"name": "a b"}]})
    with FakeOllama(tags=tags, show=refuse(404, "not found")) as server:
        said = await hint(ProviderSettings(base_url=server.url))
    assert said == (
        f"Ollama at {server.url} has no model lfm2.5-thinking:latest.\nThree ways to get one:\n"
        "  1. ollama pull lfm2.5-thinking:latest\n"
        "     or take one that is there: py-mono -m qwen3:8b (also there: 'a b')\n"
        "  2. one elsewhere in your network: export OLLAMA_BASE_URL=http://ADDRESS:11434\n"
        "  3. a cloud: /key groq, then /provider groq\n"
        "     or: export GROQ_API_KEY=…, then py-mono --provider groq\n"
        "Without any, py-mono demo shows a whole task; py-mono doctor says what is wrong."
    )


def test_the_ways_to_a_model_fit_a_screen() -> None:
    endpoint = parse_endpoint("http://10.0.0.1:11434")
    many = [Installed(f"model-{number}") for number in range(50)]
    gone = unreachable(endpoint, "connection refused", container=True, environment={})
    for said in (gone, not_pulled("m", endpoint, many, {})):
        assert len(said.split("\n")) < 12
