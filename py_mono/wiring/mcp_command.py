"""``py-mono mcp``: the servers, without a session."""

import asyncio
import sys
from typing import TYPE_CHECKING, NoReturn

from py_mono.mcp_integration.server import Server
from py_mono.mcp_integration.state import ServerState
from py_mono.protocol.errors import ConfigError
from py_mono.ui.json_mode import DONE, FAILED, NEEDS_APPROVAL, print_object
from py_mono.ui.mcp import Mcp
from py_mono.ui.mcp_lines import NONE, differences, explained, listed, objects, table
from py_mono.ui.output import Output
from py_mono.ui.signals import Signals, guarded
from py_mono.ui.terminal import Screen
from py_mono.utils.stdout import lost
from py_mono.utils.version import VERSION
from py_mono.wiring.choices import redactor, servers_of
from py_mono.wiring.leaving import leave

if TYPE_CHECKING:
    from py_mono.config import Settings
    from py_mono.protocol.ports import Redact
    from py_mono.ui.arguments import Arguments


def mcp(arguments: "Arguments", settings: "Settings") -> NoReturn:
    """``py-mono mcp``; ends the process with its exit status.

    Raises:
        ConfigError: There is no such server, or the file that the command line names cannot be read.
    """
    redact = redactor(settings)
    screen = Screen(sys.stdout, settings.environment, redact=redact)
    made: Mcp | None = None

    def tell(text: str) -> None:
        """What servers bring up while they are connected; what is wrong with how they are named each action says itself."""
        if made is not None:
            sys.stderr.write(f"py-mono: {text}\n")

    made = servers_of(settings, redact, tell, at_terminal=sys.stdin.isatty())
    chosen = _chosen(made, arguments.name)
    if arguments.action == "list":
        leave(_list(screen, made, redact, as_json=arguments.json))
    if made is None:
        screen.write(screen.fold(NONE) + "\n")
        leave(lost(screen.failure))
    if arguments.action == "trust":
        leave(_trust(screen, made, chosen, settings.workspace))
    leave(asyncio.run(guarded(lambda signals: _test(screen, made, chosen, signals))))


def _chosen(made: Mcp | None, name: str) -> list[Server]:
    servers = [server for server in (made.servers if made is not None else ()) if name in {"", server.name}]
    if name and not servers:
        known = ", ".join(server.name for server in made.servers) if made is not None else ""
        raise ConfigError(f"there is no MCP server {name!r}; there are: {known or 'none'}", remedy="py-mono mcp list")
    return servers


def _list(screen: Screen, made: Mcp | None, redact: "Redact", *, as_json: bool) -> int:
    if as_json:
        output = Output(sys.stdout.buffer)
        rows = objects((*made.servers, *made.hidden), made.trust) if made is not None else []
        problems = list(made.problems) if made is not None else []
        print_object(output, {"version": VERSION, "servers": rows, "problems": problems}, redact)
        return FAILED if output.lost else DONE
    screen.write(
        screen.fold(listed((*made.servers, *made.hidden), made.trust, made.problems) if made is not None else NONE)
        + "\n"
    )
    return lost(screen.failure)


def _trust(screen: Screen, made: Mcp, chosen: list[Server], workspace: str) -> int:
    """Ask about each that nobody agreed to; where nobody can be asked, say what waits."""
    names = {server.name for server in chosen}
    waiting = [server for server in (*made.servers, *made.hidden) if server.name in names and not made.trust(server)]
    if not waiting:
        screen.write("Nothing waits for your consent.\n")
    refused = False
    for server in waiting:
        meant = made.trust.meant(server)
        said = explained(server, made.trust.files(server), workspace=workspace, confined=made.programs.confined)
        screen.write(screen.fold(said) + "\n")
        if not sys.stdin.isatty():
            refused = True
            continue
        screen.write("Agree to it? y, n (not to be asked again), or Enter for later: ")
        answer = sys.stdin.readline().strip().lower()
        try:
            if answer in {"y", "yes"}:
                made.trust.agree(server, meant)
            elif answer in {"n", "no"}:
                made.trust.refuse(server)
        except OSError as error:
            raise ConfigError(f"what you said cannot be kept: {error}") from error
        screen.write(f"{server.name} is {'used from now on' if made.trust(server) else 'not used'}.\n")
    if refused:
        sys.stderr.write("py-mono: a person at a terminal has to agree; nothing was changed\n")
    return lost(screen.failure) or (NEEDS_APPROVAL if refused else DONE)


async def _test(screen: Screen, made: Mcp, chosen: list[Server], signals: Signals) -> int:
    """Connect each at the same time, and tell of each once it came to something."""
    trusted = [server for server in chosen if made.trust(server)]
    failed = len(trusted) < len(chosen) or bool(made.problems)
    try:
        states = await asyncio.gather(*(_connected(made, server) for server in trusted))
        for state in states:
            failed = failed or state.phase not in {"ready", "changed"}
            screen.write(screen.fold(table([state], ())) + "\n")
            screen.write("".join(f"  {name}\n" for name in await made.tools(state.name)))
            if held := made.hub.changed(state.name):
                screen.write(screen.fold(differences(state.name, held)) + "\n")
        for server in chosen:
            if server not in trusted:
                screen.write(f"{server.name}  untrusted: py-mono mcp trust {server.name}\n")
        screen.write("".join(screen.fold(f"! {problem}") + "\n" for problem in made.problems))
    finally:
        with signals.ignored():
            await made.close()
    return lost(screen.failure) or (FAILED if failed else DONE)


async def _connected(made: Mcp, server: Server) -> ServerState:
    await made.hub.reconnect(server.name)
    return made.state(server.name)
