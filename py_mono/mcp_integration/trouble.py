"""What an error of the library means: that the server said no, or that it is gone; in words without addresses."""

import asyncio
from http import HTTPStatus
from typing import NoReturn

from mcp import MCPError
from mcp_types import CONNECTION_CLOSED, REQUEST_TIMEOUT
from pydantic import ValidationError

from py_mono.mcp_integration.http import Exchange
from py_mono.mcp_integration.link import LinkLost, Told
from py_mono.mcp_integration.words import line

_LONGEST = 500
_CLOSED = "Connection closed"
"""The library's own words; the number alone is what many servers give their own errors."""
_WORTH_ANOTHER_TRY = frozenset({408, 425, 429})
_LOCKED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_STAND_INS = frozenset({"Server returned an error response", "Not Found", "Session terminated"})
"""What the library makes of a status without a message of the protocol; the status says more."""
_FORGOTTEN = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND})
"""What servers answer to a session they do not know, after a restart say; until then they answered."""


def told(error: BaseException, under_way: Exchange, *, has_session: bool, where: str) -> NoReturn:
    """Say what a request came to; ``where``: what is known of a server's end.

    Raises:
        Told: The server answered.
        LinkLost: It is gone, or was not reached.
    """
    chain = _causes(error)
    for cause in chain:
        if isinstance(cause, LinkLost | Told):
            raise cause
    if under_way.unreached:
        raise LinkLost(f"it cannot be reached: {line(under_way.unreached, _LONGEST)}") from error
    if has_session and under_way.status in _FORGOTTEN:
        raise LinkLost("it no longer knows this session: it was restarted, or closed it") from error
    refused = next((cause for cause in chain if isinstance(cause, MCPError)), None)
    stands_in = refused is None or refused.message in _STAND_INS
    if under_way.status and (stands_in or under_way.status in _LOCKED):
        _status(under_way, error)
    if refused is not None:
        _protocol(refused, where)
    _other(chain, where)


def _other(chain: list[BaseException], where: str) -> NoReturn:
    """What is neither of HTTP nor of the protocol. Raises Told or LinkLost."""
    for cause in chain:
        if isinstance(cause, ValidationError):
            raise Told("the server's answer is not of the protocol") from chain[0]
        if isinstance(cause, FileNotFoundError | PermissionError | NotADirectoryError):
            raise LinkLost(f"it cannot be started: {line(str(cause), _LONGEST)}", final=True) from chain[0]
    last = chain[-1]
    words = "the connection was lost" if isinstance(last, asyncio.CancelledError) else line(str(last), _LONGEST)
    raise LinkLost(where or words or type(last).__name__, begun=True) from chain[0]


def _status(under_way: Exchange, error: BaseException) -> NoReturn:
    """An error of HTTP. Raises Told, or LinkLost where nothing will be answered before something is mended."""
    status = under_way.status
    name = HTTPStatus(status).phrase if status in HTTPStatus.__members__.values() else "an unknown status"
    said = f"it answered HTTP {status} ({name})"
    if status == HTTPStatus.UNAUTHORIZED:
        raise LinkLost(f'{said}: it wants a header "Authorization", or "oauth": true', final=True) from error
    if status == HTTPStatus.FORBIDDEN:
        raise LinkLost(f"{said}: what it was given is not enough", final=True) from error
    final = status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _WORTH_ANOTHER_TRY
    raise Told(said, final=final) from error


def _protocol(error: MCPError, where: str) -> NoReturn:
    """An error of the protocol. Raises Told or LinkLost."""
    words = line(error.message, _LONGEST)
    if error.code == CONNECTION_CLOSED and error.message == _CLOSED:
        raise LinkLost(where or words, begun=True) from error
    if error.code == HTTPStatus.REQUEST_TIMEOUT:  # the library's word for a connection that did not come about
        raise LinkLost("it cannot be reached in time") from error
    if error.code == REQUEST_TIMEOUT:
        raise Told("the server did not answer in time") from error
    raise Told(f"the server refused: {words} ({error.code})") from error


def _causes(error: BaseException) -> "list[BaseException]":
    """The error, what is in it where it is a group, and what it came from."""
    found: list[BaseException] = []
    todo: list[BaseException] = [error]
    while todo and len(found) < _LONGEST:
        one = todo.pop(0)
        if one in found:
            continue
        found.append(one)
        if isinstance(one, BaseExceptionGroup):
            todo.extend(one.exceptions)
        if one.__cause__ is not None:
            todo.append(one.__cause__)
    return found
