"""A polite client for one public backend: its name given, a pace kept, answers kept for a while and never trusted."""

import asyncio
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import NoReturn, TypeVar
from weakref import WeakValueDictionary

import httpx2
from cachetools import TTLCache
from pydantic import TypeAdapter, ValidationError

from mcp_servers.common.pace import DEFAULT_PAUSE_S, Pace, pause_s
from mcp_servers.common.refusing import refused
from mcp_servers.common.settings import VERSION, SettingsError
from mcp_servers.common.words import clean

USER_AGENT = f"py-mono-mcp/{VERSION} (MCP server of the coding agent py-mono)"
LARGEST = 1 << 20
"""Bytes of an answer that are read."""
TOTAL_S = 20.0
"""Seconds that one request may take, its turn included."""
CONNECT_S = 5.0
SILENCE_S = 10.0
KEPT = 256
"""Answers that are kept."""
LONGEST_REASON = 200

T = TypeVar("T")


@cache
def certificates() -> ssl.SSLContext:
    """The authorities to trust; reading them costs more than a request."""
    return httpx2.create_ssl_context()


def address(environ: Mapping[str, str], variable: str, default: str = "") -> str:
    """The backend's address from the environment, without a slash at its end.

    Raises:
        SettingsError: It is missing, or no http(s) address of a host.
    """
    given = environ.get(variable) or default
    if not given:
        raise SettingsError(
            f"{variable} is not set; it must be the address of a backend, such as http://localhost:8080"
        )
    try:
        url = httpx2.URL(given)
    except (httpx2.InvalidURL, ValueError):
        url = httpx2.URL("")
    if (
        url.scheme not in {"http", "https"}
        or not url.host
        or (url.port or 0) >= 1 << 16
        or url.query
        or url.fragment
        or url.userinfo
    ):
        raise SettingsError(
            f"{variable} must be http://HOST or https://HOST, perhaps with a port and a path, and nothing else"
        )
    return str(url).rstrip("/")


def gap(environ: Mapping[str, str], variable: str, default: float) -> float:
    """Seconds between two requests from the environment, for a backend of one's own.

    Raises:
        SettingsError: It is not a number from 0 to 60.
    """
    given = environ.get(variable) or str(default)
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= 60:  # noqa: PLR2004 - a minute
        raise SettingsError(f"{variable} is {given!r}; it must be a number of seconds from 0 to 60")
    return seconds


class Backend:
    """One address that answers JSON."""

    def __init__(
        self,
        name: str,
        url: str,
        variable: str,
        *,
        gap_s: float,
        kept_s: float,
        within_s: float = TOTAL_S,
        when_forbidden: str = "",
    ) -> None:
        self.name = name
        self._url = url
        self._variable = variable
        self._within_s = within_s
        self._when_forbidden = when_forbidden or f"Its operator has to look, or set {variable} to another."
        self._pace = Pace(gap_s)
        self._asking: WeakValueDictionary[tuple[object, ...], asyncio.Lock] = WeakValueDictionary()
        self._kept: TTLCache[tuple[object, ...], object] = TTLCache(KEPT, kept_s)

    async def get(self, path: str, params: Mapping[str, str], shape: TypeAdapter[T]) -> T:
        """Ask, or tell what was answered lately.

        Args:
            path: Below the backend's address.
            params: Of the query.
            shape: What the answer has to be; whatever else it holds is dropped.

        Raises:
            ToolError: There is no answer that can be used; it says why, and what to do.
        """
        key = (path, *sorted(params.items()))
        found = self._kept.get(key)
        if found is None:
            try:
                async with asyncio.timeout(self._within_s), self._asking.setdefault(key, asyncio.Lock()):
                    found = self._kept.get(key)  # somebody asked the same meanwhile
                    if found is None:
                        await self._pace.wait(self.name)
                        found = self._kept[key] = self._understood(await self._ask(path, params), shape)
            except TimeoutError as error:
                raise refused(f"{self.name} did not answer in time. Try again later.") from error
        return found  # type: ignore[return-value]  # the path decides the shape

    async def _ask(self, path: str, params: Mapping[str, str]) -> bytes:
        client = httpx2.AsyncClient(
            verify=certificates(),
            headers={"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "identity"},
            timeout=httpx2.Timeout(SILENCE_S, connect=CONNECT_S),
            follow_redirects=False,  # where they lead is not for a stranger to say
        )
        try:
            async with client, client.stream("GET", self._url + path, params=dict(params)) as answer:
                body = await self._body(answer)
        except httpx2.TimeoutException as error:
            raise refused(f"{self.name} did not answer in time. Try again later.") from error
        except httpx2.HTTPError as error:
            raise refused(
                f"{self.name} cannot be reached ({type(error).__name__}). Try again later, or set {self._variable} to one that runs."
            ) from error
        if answer.status_code != httpx2.codes.OK:
            self._complain(answer, body)
        return body

    async def _body(self, answer: httpx2.Response) -> bytes:
        # Packed answers were not asked for: a small one can unpack to anything.
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            raise refused(f"{self.name} sent a packed answer, which was not asked for. Its operator has to look.")
        body = bytearray()
        async for piece in answer.aiter_raw():
            body += piece
            if len(body) > LARGEST:
                raise refused(f"{self.name} sent more than {LARGEST >> 20} MiB. Ask for something narrower.")
        return bytes(body)

    def _complain(self, answer: httpx2.Response, body: bytes) -> NoReturn:
        status = answer.status_code
        if status == httpx2.codes.TOO_MANY_REQUESTS or "retry-after" in answer.headers:
            after = answer.headers.get("retry-after")
            wait_s = pause_s(after, datetime.now(UTC)) if after else DEFAULT_PAUSE_S
            self._pace.pause(wait_s)
            raise refused(
                f"{self.name} asks for fewer requests ({status}). Try again in {wait_s:.0f} s; until then do without."
            )
        if 300 <= status < 400:  # noqa: PLR2004 - the class of redirects
            raise refused(
                f"{self.name} sends elsewhere ({status}), which is not followed. Set {self._variable} to its right address."
            )
        if status >= 500:  # noqa: PLR2004 - the class of a server's own faults
            raise refused(f"{self.name} has a fault of its own ({status}). Try again later.")
        if status == httpx2.codes.FORBIDDEN:
            raise refused(f"{self.name} refuses this server (403). {self._when_forbidden}")
        said = body.decode("utf-8", "replace") if b"<" not in body[:LONGEST_REASON] else ""
        raise refused(f"{self.name} did not take the request ({status}). {clean(said, LONGEST_REASON)}".rstrip())

    def _understood(self, body: bytes, shape: TypeAdapter[T]) -> T:
        try:
            return shape.validate_json(body)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            where = clean(".".join(str(part) for part in first["loc"]), 60) or "the answer"
            raise refused(
                f"{self.name} sent something else than it documents (at {where}). Try again later, or set {self._variable} to another."
            ) from error
