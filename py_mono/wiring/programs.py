"""Servers that are started: each in a lock of its own, with what its entry asks for."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from py_mono.mcp_integration.server import Server
from py_mono.sandbox.branch import WorkerSandbox
from py_mono.sandbox.program import MACHINE, Programs
from py_mono.sandbox.tool_places import within
from py_mono.security.keys.places import KeyPlaces

if TYPE_CHECKING:
    from py_mono.config import Settings

Program = Callable[[Server], tuple[list[str], dict[str, str]]]
"""What to start for a server, and its environment. Raises SandboxError."""


def make_programs(settings: "Settings") -> tuple[Programs, Program]:
    """The programs of a session, to be closed with it; and what starts a server among them."""
    folders = settings.folders
    programs = Programs(
        workspace=settings.workspace,
        state_folder=folders.state,
        backend=settings.backend,
        sessions=KeyPlaces(settings.workspace, folders.state).sessions,
        closed=(folders.config,),
        environment=settings.environment,
    )

    def program(server: Server) -> tuple[list[str], dict[str, str]]:
        return programs.command(
            server.name,
            [server.command, *server.args],
            server.env,
            cwd=server.cwd,
            network=server.network,
            write=server.write,
            reads=_named(server) if server.own else (),
        )

    return programs, program


@asynccontextmanager
async def uncovered(sandbox: WorkerSandbox, programs: Programs) -> AsyncIterator[None]:
    """See ``WorkerSandbox.uncovered``; programs that do not cover the key file end like workers. Raises SandboxError."""
    covered = sandbox.covers_keys
    async with sandbox.uncovered():
        if covered:
            yield
            return
        async with programs.ended():
            yield


def _named(server: Server) -> list[str]:
    """The files and folders that an operator's own entry names: where it starts, an argument, what stands behind its ``=``."""
    paths = [server.cwd, *(word if word.startswith("/") else word.partition("=")[2] for word in server.args)]
    found = [path for path in paths if os.path.isabs(path) and (os.path.isfile(path) or os.path.isdir(path))]
    return [path for path in found if not any(within(os.path.realpath(path), folder) for folder in MACHINE)]
