import asyncio
import gzip
import socket
from collections.abc import Iterator

import pytest
from fastmcp.exceptions import ToolError
from pydantic import TypeAdapter

from mcp_servers.common.backend import LARGEST, Backend
from tests.servers.fake_http import Answer, FakeServer, Pause, Request

JSON = "application/json"
LIST: TypeAdapter[list[int]] = TypeAdapter(list[int])
GOOD = Answer([b"[1, 2]"], content_type=JSON)


def at(url: str, *, kept_s: float = 60, within_s: float = 20) -> Backend:
    return Backend("It", url, "ITS_URL", gap_s=0, kept_s=kept_s, within_s=within_s)


async def refusal(answer: Answer, *, within_s: float = 20) -> str:
    with FakeServer([answer], repeat=True) as fake:
        with pytest.raises(ToolError) as caught:
            await at(fake.url, within_s=within_s).get("/x", {}, LIST)
        assert len(fake.requests) == 1
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    with FakeServer([GOOD], repeat=True) as server:
        yield server


async def test_it_names_itself_and_encodes_what_is_asked(fake: FakeServer) -> None:
    assert await at(fake.url + "/base").get("/x", {"q": "a b&c=d#é"}, LIST) == [1, 2]
    (request,) = fake.requests
    assert request.target == "/base/x?q=a+b%26c%3Dd%23%C3%A9"
    assert request.headers["user-agent"] == "py-mono-mcp/0.1.0 (MCP server of the coding agent py-mono)"
    assert request.headers["accept-encoding"] == "identity"
    assert "cookie" not in request.headers


async def test_the_same_is_asked_once(fake: FakeServer) -> None:
    backend = at(fake.url)
    for _ in range(3):
        await backend.get("/x", {"a": "1", "b": "2"}, LIST)
    await backend.get("/x", {"b": "2", "a": "1"}, LIST)
    assert len(fake.requests) == 1
    await backend.get("/x", {"a": "2"}, LIST)
    await backend.get("/y", {"a": "2"}, LIST)
    assert len(fake.requests) == 3


async def test_what_is_too_old_is_asked_again(fake: FakeServer) -> None:
    backend = at(fake.url, kept_s=0)
    await backend.get("/x", {}, LIST)
    await backend.get("/x", {}, LIST)
    assert len(fake.requests) == 2


async def test_no_more_than_so_many_answers_are_kept(fake: FakeServer) -> None:
    backend = at(fake.url)
    for number in range(257):
        await backend.get("/x", {"q": str(number)}, LIST)
    await backend.get("/x", {"q": "256"}, LIST)
    assert len(fake.requests) == 257
    await backend.get("/x", {"q": "0"}, LIST)
    assert len(fake.requests) == 258


async def test_a_failure_is_not_kept() -> None:
    with FakeServer([Answer(status=500), GOOD]) as fake:
        backend = at(fake.url)
        with pytest.raises(ToolError, match=r"It has a fault of its own \(500\). Try again later"):
            await backend.get("/x", {}, LIST)
        assert await backend.get("/x", {}, LIST) == [1, 2]


@pytest.mark.parametrize(
    "target",
    ["http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:1/", "/elsewhere", "file:///etc/passwd", "//[bad"],
)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(status: int, target: str) -> None:
    said = await refusal(Answer([b"[1]"], status, JSON, {"Location": target}))
    assert said == f"It sends elsewhere ({status}), which is not followed. Set ITS_URL to its right address."


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Hello</body></html>",
        b"[1, 2",
        b"\xff\xfe\0\0",
        b'{"a": 1}',
        b'["one"]',
        b"[" * 100_000,
        b"[1" + b"0" * 5000 + b"]",
        b"NaN",
        b"[1]\n[2]",
        b'[{"\\u001b[31m": 1}]',
    ],
)
async def test_what_is_not_what_it_documents_is_refused(body: bytes) -> None:
    said = await refusal(Answer([body] if body else [], content_type=JSON))
    assert said.startswith("It sent something else than it documents (at ")
    assert said.endswith("Try again later, or set ITS_URL to another.")


async def test_an_answer_without_end_is_left() -> None:
    piece = b" " * 65_536
    said = await refusal(Answer([piece] * (3 * LARGEST // len(piece)), content_type=JSON))
    assert said == "It sent more than 1 MiB. Ask for something narrower."


async def test_a_packed_answer_is_not_unpacked() -> None:
    said = await refusal(
        Answer([gzip.compress(b" " * 5_000_000)], content_type=JSON, headers={"Content-Encoding": "gzip"})
    )
    assert said.startswith("It sent a packed answer, which was not asked for.")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(before=Pause()),
        Answer([b"[1,", Pause()], content_type=JSON),
        Answer([piece for _ in range(10_000) for piece in (b" ", Pause(0.01))], content_type=JSON),
    ],
    ids=["silent", "stuck", "a drip"],
)
async def test_one_that_takes_its_time_is_left(answer: Answer) -> None:
    assert await refusal(answer, within_s=0.3) == "It did not answer in time. Try again later."


@pytest.mark.parametrize(
    "answer",
    [
        Answer([b"[1, 2]"], content_type=JSON, cut_at=20),
        Answer([b"[1, 2]"], content_type=JSON, headers={"X-Long": "x" * 200_000}),
        Answer(raw=b"SSH-2.0-OpenSSH_9.9\r\n"),
        Answer(raw=b"\x16\x03\x01\0\0"),
        Answer(raw=b""),
    ],
)
async def test_one_that_does_not_speak_http_is_said_to_be_out_of_reach(answer: Answer) -> None:
    said = await refusal(answer)
    assert said.startswith("It cannot be reached (")
    assert said.endswith("Try again later, or set ITS_URL to one that runs.")


async def test_one_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(ToolError, match=r"It cannot be reached \(ConnectError\)"):
        await at(f"http://127.0.0.1:{port}").get("/x", {}, LIST)


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"Retry-After": "42"}, 42),
        (429, {}, 60),
        (503, {"Retry-After": "42"}, 42),
        (429, {"Retry-After": "x"}, 60),
    ],
)
async def test_one_that_asks_for_a_pause_gets_it(status: int, headers: dict[str, str], seconds: int) -> None:
    with FakeServer([GOOD, Answer(status=status, headers=headers)], repeat=True) as fake:
        backend = at(fake.url)
        await backend.get("/kept", {}, LIST)
        with pytest.raises(ToolError, match=f"fewer requests \\({status}\\). Try again in {seconds} s"):
            await backend.get("/x", {}, LIST)
        for _ in range(5):
            with pytest.raises(ToolError, match=r"It asks for fewer requests. Try again in"):
                await backend.get("/x", {}, LIST)
        assert await backend.get("/kept", {}, LIST) == [1, 2]
        assert len(fake.requests) == 2


async def test_the_reason_for_a_refusal_is_told_in_short_and_without_control_characters() -> None:
    reason = b'{"error": true, "reason": "Latitude \x1b[31m must be in range"}' + b"x" * 5000
    said = await refusal(Answer([reason], 400, JSON))
    assert said.startswith('It did not take the request (400). {"error": true, "reason": "Latitude [31m must be')
    assert said.endswith("…")


async def test_a_page_of_a_refusal_is_not_told() -> None:
    assert await refusal(Answer([b"<html>no</html>"], 404, "text/html")) == "It did not take the request (404)."


async def test_one_that_lets_nobody_in() -> None:
    said = await refusal(Answer([b"<html>no</html>"], 403, "text/html"))
    assert said == "It refuses this server (403). Its operator has to look, or set ITS_URL to another."


async def test_many_at_once_ask_once_for_the_same() -> None:
    def echo(request: Request) -> Answer:
        return Answer([f"[{request.target.rsplit('=', 1)[1]}]".encode()], content_type=JSON)

    with FakeServer([echo], repeat=True) as fake:
        backend = at(fake.url)
        found = await asyncio.gather(*[backend.get("/x", {"q": str(n % 4)}, LIST) for n in range(8)])
        assert found == [[n % 4] for n in range(8)]
        assert len(fake.requests) == 4


async def test_who_gives_up_leaves_no_connection() -> None:
    with FakeServer([Answer(before=Pause())], repeat=True) as fake:
        asking = asyncio.create_task(at(fake.url).get("/x", {}, LIST))
        while not fake.requests:
            await asyncio.sleep(0.01)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        while fake.open:
            await asyncio.sleep(0.01)
        assert fake.gone == 1
