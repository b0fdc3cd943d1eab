"""Authorization with OAuth, by the library: the person logs in at a browser once, and the tokens are kept."""

import asyncio
import logging
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from typing import Any, SupportsFloat

import anyio
import msgspec
from fastmcp.client.auth import OAuth
from fastmcp.client.auth.oauth import ClientNotFoundError
from fastmcp.client.oauth_callback import OAuthCallbackResult, create_oauth_callback_server
from mcp.shared.auth import AuthorizationCodeResult
from msgspec import Struct

from py_mono.mcp_integration.http import http_client
from py_mono.mcp_integration.link import LinkLost, Surroundings
from py_mono.mcp_integration.server import Server
from py_mono.utils.digests import blake2b
from py_mono.utils.private_files import read_private, write_private
from py_mono.utils.threads import in_thread

_LOGIN_S = 300.0
_ANSWER_S = 10.0
_END_S = 1.0
_LOOK_S = 0.02
_BAD_REQUEST = 400


class Kept(Struct):
    """One thing that is kept, and until when: seconds since the epoch; 0 for ever."""

    value: dict[str, Any]
    until: float = 0.0


class TokenFile:
    """What the library keeps of one server, in a file for its owner alone.

    Not encrypted: a key that lies beside what it opens protects nothing, and the master key is not always given. The
    folder is outside the workspace, where no tool of the model's reads.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    async def get(self, key: str, *, collection: str | None = None) -> dict[str, Any] | None:
        """The value; None where there is none, or its time is over."""
        return (await self.ttl(key, collection=collection))[0]

    async def ttl(self, key: str, *, collection: str | None = None) -> tuple[dict[str, Any] | None, float | None]:
        """The value, and the seconds it is kept yet."""
        kept = (await self._all()).get(_full(key, collection))
        if kept is None or 0 < kept.until <= time.time():
            return None, None
        return kept.value, kept.until - time.time() if kept.until else None

    async def put(
        self, key: str, value: Mapping[str, Any], *, collection: str | None = None, ttl: SupportsFloat | None = None
    ) -> None:
        """Keep it. Raises OSError."""
        await self.put_many([key], [value], collection=collection, ttl=ttl)

    async def delete(self, key: str, *, collection: str | None = None) -> bool:
        """Forget it. Raises OSError."""
        return bool(await self.delete_many([key], collection=collection))

    async def get_many(self, keys: Sequence[str], *, collection: str | None = None) -> list[dict[str, Any] | None]:
        """See ``get``."""
        return [await self.get(key, collection=collection) for key in keys]

    async def ttl_many(
        self, keys: Sequence[str], *, collection: str | None = None
    ) -> list[tuple[dict[str, Any] | None, float | None]]:
        """See ``ttl``."""
        return [await self.ttl(key, collection=collection) for key in keys]

    async def put_many(
        self,
        keys: Sequence[str],
        values: Sequence[Mapping[str, Any]],
        *,
        collection: str | None = None,
        ttl: SupportsFloat | None = None,
    ) -> None:
        """See ``put``."""
        until = time.time() + float(ttl) if ttl is not None else 0.0
        new = {_full(key, collection): Kept(dict(value), until) for key, value in zip(keys, values, strict=True)}
        await self._write({**await self._all(), **new})

    async def delete_many(self, keys: Sequence[str], *, collection: str | None = None) -> int:
        """See ``delete``."""
        everything = await self._all()
        found = [name for name in (_full(key, collection) for key in keys) if everything.pop(name, None) is not None]
        if found:
            await self._write(everything)
        return len(found)

    async def _all(self) -> dict[str, Kept]:
        data = await in_thread(lambda: read_private(self._path), "mcp-tokens")
        try:
            return msgspec.json.decode(data, type=dict[str, Kept])
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return {}

    async def _write(self, everything: dict[str, Kept]) -> None:
        data = msgspec.json.encode(everything)
        await in_thread(lambda: write_private(self._path, data), "mcp-tokens")


class Authorization(OAuth):
    """The library's, but for the browser: the address is told, opened where there is a display, and asked for by nobody else."""

    def __init__(self, server: Server, around: Surroundings) -> None:
        digest = blake2b(f"{server.name}\0{server.url}".encode(), digest_size=16).hexdigest()
        super().__init__(
            server.url,
            client_name="py-mono",
            token_storage=TokenFile(os.path.join(around.store, f"{digest}.tokens.json")),
            callback_host="127.0.0.1",
            callback_timeout=_LOGIN_S,
            httpx_client_factory=http_client,
        )
        self._server = server
        self._around = around
        self._address = ""

    async def redirect_handler(self, authorization_url: str) -> None:
        """See where the person is to be sent. Raises LinkLost where there is nobody to be sent."""
        name = self._server.name
        if not self._around.browser:
            raise LinkLost(f"it wants a login: run py-mono mcp test {name} at a terminal", final=True)
        if not authorization_url.startswith(("http://", "https://")):
            raise LinkLost("it wants a login at an address that is none of the web", final=True)
        self._around.longer(_LOGIN_S)
        async with self.httpx_client_factory() as client, asyncio.timeout(_ANSWER_S):
            answer = await client.get(authorization_url, follow_redirects=False)
        if answer.status_code == _BAD_REQUEST:  # it has forgotten us: the library registers anew
            raise ClientNotFoundError("the server does not know this client any more")
        self._address = authorization_url

    async def callback_handler(self) -> AuthorizationCodeResult:
        """Send the person to the browser, and wait until that comes back. Raises TimeoutError, OSError where the port is taken."""
        result, ready = OAuthCallbackResult(), anyio.Event()
        server = create_oauth_callback_server(
            port=self.redirect_port,
            host=self._callback_host,
            server_url=self.mcp_url,
            result_container=result,
            result_ready=ready,
        )
        logging.getLogger("uvicorn").handlers.clear()
        server.capture_signals = nullcontext  # type: ignore[assignment, method-assign] # Ctrl-C stays ours

        async def serve() -> None:
            try:
                await server.serve()
            except SystemExit as error:
                raise OSError(f"port {self.redirect_port} of this machine is taken") from error

        serving = asyncio.create_task(serve())
        waiting = asyncio.ensure_future(ready.wait())
        try:
            while not (server.started or serving.done()):  # a browser that is logged in comes back at once
                await asyncio.wait({serving}, timeout=_LOOK_S)
            await self._send()
            await asyncio.wait({serving, waiting}, timeout=_LOGIN_S, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                await serving
            if not ready.is_set():
                raise TimeoutError(f"nobody logged in within {_LOGIN_S:g} s")
        finally:
            waiting.cancel()
            server.should_exit = True
            for listening in server.servers if server.started else ():
                listening.close()  # at once: whoever cancels may not wait for the rest
            try:
                await asyncio.wait({serving}, timeout=_END_S)
            finally:
                serving.cancel()
        if result.error:
            raise result.error
        return AuthorizationCodeResult(code=result.code or "", state=result.state, iss=result.iss)

    async def _send(self) -> None:
        self._around.notice(f"MCP server {self._server.name} wants you to log in: {self._address}")
        opener = shutil.which("xdg-open")
        if opener and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            quiet = asyncio.subprocess.DEVNULL
            with suppress(OSError):
                await asyncio.create_subprocess_exec(
                    opener, self._address, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
                )


def _full(key: str, collection: str | None) -> str:
    return f"{collection or ''}\0{key}"
