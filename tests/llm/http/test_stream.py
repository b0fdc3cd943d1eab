import asyncio
import gc
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from py_mono.llm.http.connection import TransportError
from py_mono.llm.http.endpoint import Endpoint, parse_endpoint
from py_mono.llm.http.stream import HttpClient
from tests.servers.certificates import make_certificate
from tests.servers.fake_ollama import Answer, FakeOllama, Pause, as_json
from tests.servers.faults import End, FaultServer, Flood

BODY = b'{"ok": 1}'


def client_for(url: str, environment: dict[str, str] | None = None) -> HttpClient:
    return HttpClient(parse_endpoint(url), connect_s=5, environment=environment or {})


async def ask(client: HttpClient, path: str = "/x") -> tuple[int, bytes]:
    exchange = await client.post(path, b"{}")
    status, _ = await exchange.head()
    body = await exchange.read_all(1 << 20)
    client.release()
    return status, body


async def test_a_reply_that_was_read_to_its_end_keeps_the_connection() -> None:
    with FakeOllama([Answer([BODY])], repeat=True) as server:
        client = client_for(server.url)
        assert [await ask(client) for _ in range(3)] == [(200, BODY)] * 3
        assert (server.connections, client.reused) == (1, True)
        client.close()
        assert await ask(client) == (200, BODY)
        assert server.connections == 2
        client.close()


async def test_a_reply_that_was_not_read_to_its_end_closes_it() -> None:
    with FakeOllama([Answer([b"a" * 100, Pause()]), Answer([BODY])]) as server:
        client = client_for(server.url)
        exchange = await client.post("/x", b"{}")
        await exchange.head()
        assert await exchange.read_all(10) == b"a" * 100
        client.release()
        assert await ask(client) == (200, BODY)
        assert server.connections == 2
        client.close()


async def test_waiting_for_the_head_can_be_broken_off_and_taken_up_again() -> None:
    with FakeOllama([Answer([BODY], before=Pause(0.1))]) as server:
        client = client_for(server.url)
        exchange = await client.post("/x", b"{}")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await exchange.head()
        assert (await exchange.head())[0] == 200
        assert await exchange.read() == BODY
        client.close()


async def test_a_request_larger_than_any_buffer_gets_its_answer() -> None:
    with FakeOllama([lambda request: as_json(len(request.body))]) as server:
        client = client_for(server.url)
        exchange = await client.post("/x", b"x" * 30_000_000)
        await exchange.head()
        assert await exchange.read_all(100) == b"30000000"
        client.close()


async def test_a_reply_is_left_with_the_server_while_nobody_reads() -> None:
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with FaultServer([[head, Flood(chunk, 100), b"0\r\n\r\n"]]) as server:
        client = client_for(server.url)
        exchange = await client.post("/x", b"{}")
        await exchange.head()
        size, before = len(await exchange.read()), -1
        while before < server.flooded:
            before = server.flooded
            await asyncio.sleep(0.1)
        assert server.flooded < 50_000_000  # what the system itself holds of it
        while piece := await exchange.read():
            size += len(piece)
        assert size == 100 * 0x100000
        client.release()
        assert client.reused
        client.close()


async def test_a_server_that_answers_while_we_still_send_and_reads_no_more_is_heard() -> None:
    response = b"HTTP/1.1 413 Too much\r\nContent-Length: 9\r\n\r\n" + BODY
    talks: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(response)
        await writer.drain()
        await asyncio.sleep(0.05)  # so that the reply is not lost with the reset

    async with listening(refuse) as port:
        client = client_for(f"http://127.0.0.1:{port}")
        for _ in range(2):
            exchange = await client.post("/x", b"x" * 30_000_000)
            assert (await exchange.head())[0] == 413
            assert await exchange.read_all(100) == BODY
            client.release()
            while client._connection and client._connection.usable:  # until the reset has come
                await asyncio.sleep(0.01)
        assert len(talks) == 2
        client.close()


async def test_user_and_path_of_the_address_go_along() -> None:
    with FakeOllama([Answer([BODY])]) as server:
        client = client_for(f"http://me:secret@127.0.0.1:{server.port}/behind")
        await ask(client, "/api")
        assert server.requests[0].target == "/behind/api"
        assert server.requests[0].headers["authorization"] == "Basic bWU6c2VjcmV0"
        client.close()


async def test_a_proxy_is_asked_for_the_whole_address() -> None:
    with FakeOllama([Answer([BODY])]) as server:
        client = client_for("http://gpu.example:11434", {"HTTP_PROXY": f"http://u:p@127.0.0.1:{server.port}"})
        assert await ask(client) == (200, BODY)
        assert server.requests[0].target == "http://gpu.example:11434/x"
        assert server.requests[0].headers["host"] == "gpu.example:11434"
        assert server.requests[0].headers["proxy-authorization"] == "Basic dTpw"
        client.close()


async def test_a_proxy_that_is_not_there_is_named() -> None:
    with FakeOllama() as server:
        port = server.port
    client = client_for("http://gpu.example", {"HTTP_PROXY": f"http://127.0.0.1:{port}"})
    with pytest.raises(TransportError, match=f"the proxy http://127.0.0.1:{port}: connection refused") as caught:
        await ask(client)
    assert caught.value.refused


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on a free port; at the end every one of its connections is over."""
    tasks: list[asyncio.Task[None]] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.ensure_future(talk(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def serving(reply: bytes) -> AsyncIterator[int]:
    """A server that reads a head and gives these bytes."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        await writer.drain()

    async with listening(talk) as port:
        yield port


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "refused: HTTP/1.1 403 Forbidden"),
        (b"hello\r\n\r\n", "refused: hello"),
        (b"", "did not answer properly"),
        (b"x" * 100_000, "did not answer properly"),
    ],
)
async def test_a_proxy_that_opens_no_tunnel_is_said(reply: bytes, text: str) -> None:
    async with serving(reply) as port:
        client = client_for("https://gpu.example", {"HTTPS_PROXY": f"http://127.0.0.1:{port}"})
        with pytest.raises(TransportError, match=text):
            await ask(client)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for localhost, in one file."""
    return make_certificate(tmp_path_factory.mktemp("tls") / "both.pem")


@asynccontextmanager
async def tls_server(certificate: Path) -> AsyncIterator[int]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" + BODY)
        await writer.drain()
        await reader.read()

    async with listening(talk, context) as port:
        yield port


async def test_https_is_spoken_and_the_certificate_is_checked(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with tls_server(certificate) as port:
        distrusting = client_for(f"https://localhost:{port}")
        with pytest.raises(TransportError, match=r"its certificate is not trusted: .+") as caught:
            await ask(distrusting)
        assert caught.value.tls == "untrusted"
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        client = client_for(f"https://localhost:{port}")
        assert await ask(client) == (200, BODY)
        client.close()


@pytest.mark.parametrize(("kind", "name", "days"), [("other_name", "gpu.example", 2), ("expired", "localhost", -1)])
async def test_what_is_wrong_with_a_certificate_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, name: str, days: int
) -> None:
    certificate = make_certificate(tmp_path / "both.pem", name=name, days=days)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with tls_server(certificate) as port:
        with pytest.raises(TransportError) as caught:
            await ask(client_for(f"https://localhost:{port}"))
    assert caught.value.tls == kind


async def test_further_headers_are_sent_with_each_request() -> None:
    with FakeOllama([as_json({})], repeat=True) as server:
        client = HttpClient(parse_endpoint(server.url), connect_s=5, environment={}, headers={"x-api-key": "k"})
        await ask(client)
        await ask(client)
        client.close()
        assert [request.headers["x-api-key"] for request in server.requests] == ["k", "k"]


async def test_a_server_without_tls_is_said_to_be_one() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    async with listening(refuse) as port:
        with pytest.raises(TransportError, match="it does not speak TLS, as https needs") as caught:
            await ask(client_for(f"https://localhost:{port}"))
    assert (caught.value.refused, caught.value.tls) == (True, "no_tls")


async def test_https_goes_through_the_tunnel_of_a_proxy(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    asked: list[bytes] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    async with tls_server(certificate) as port:

        async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

        async with listening(tunnel) as proxy_port:
            endpoint = Endpoint("https://localhost", tls=True, host="localhost", port=443)
            client = HttpClient(endpoint, connect_s=5, environment={})
            client._proxy = parse_endpoint(f"http://u:p@127.0.0.1:{proxy_port}")  # localhost has none otherwise
            exchange = await client.post("/x", b"{}")
            gc.collect()  # what opened the tunnel closes it where nobody holds it
            assert (await exchange.head())[0] == 200
            assert await exchange.read_all(100) == BODY
            client.close()
    assert asked == [
        b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\nProxy-Authorization: Basic dTpw\r\n\r\n"
    ]


async def test_a_server_that_accepts_and_says_nothing_is_given_up_by_whoever_waits() -> None:
    with FakeOllama([Answer(before=Pause())]) as server:
        client = client_for(server.url)
        exchange = await client.post("/x", b"{}")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await exchange.head()
        client.release()
        assert not client.reused
        client.close()


async def test_bytes_that_nobody_asked_for_are_not_read_as_the_next_reply() -> None:
    response = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" + BODY
    with FaultServer([[response + response], [response]]) as server:
        client = client_for(server.url)
        assert [await ask(client), await ask(client)] == [(200, BODY)] * 2
        assert server.connections == 2
        client.close()


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (b"", "the server closed the connection without an answer"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "the server closed the connection without an answer"),
        (b"HTTP/1.1 20", "the connection ended in the middle of the answer (peer unexpectedly closed connection)"),
    ],
)
async def test_a_server_that_closes_before_an_answer_is_told_from_one_that_cuts_it(reply: bytes, text: str) -> None:
    with FaultServer([[reply, End.FIN]]) as server:
        client = client_for(server.url)
        with pytest.raises(TransportError) as caught:
            await ask(client)
        assert (str(caught.value), caught.value.garbled) == (text, False)
        client.close()


async def test_what_is_quoted_of_an_answer_that_is_none_is_short() -> None:
    with FaultServer([[b"x" * 10_000 + b"\r\n\r\n"]]) as server:
        client = client_for(server.url)
        with pytest.raises(TransportError, match="the answer is not HTTP") as caught:
            await ask(client)
        assert len(str(caught.value)) < 200
        client.close()
