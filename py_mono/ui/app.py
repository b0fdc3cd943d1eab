"""App: the wired objects that commands, REPL and one shot act on."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from py_mono.protocol.errors import ConfigError
from py_mono.ui.account import Account

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from py_mono.agent.agent import Agent
    from py_mono.protocol.events import Envelope, TurnFinished
    from py_mono.protocol.ports import Provider
    from py_mono.session.manager import SessionManager
    from py_mono.session.store import Session
    from py_mono.ui.asking import Asking
    from py_mono.ui.keys import StoredKeys
    from py_mono.ui.lock import Lock
    from py_mono.ui.mcp import Mcp
    from py_mono.ui.review import LateReview
    from py_mono.ui.secretless import Redacts
    from py_mono.ui.signals import Signals


class App:
    """What ``wiring`` put together for one session.

    Attributes:
        agent: The agent.
        providers: Who answers, and who else could.
        workspace: Its absolute path.
        lock: Waits for the worker, and says how it is confined.
        version: Of py-mono.
        redact: Keeps secrets out of what is printed.
        learn: Makes a secret known to ``redact``.
        keys: The keys of providers.
        covered: Whether no tool that runs can read the file of stored keys.
        uncovered: Within it no tool runs, and that file may be made.
        ask_key: Asks for a key without showing it, and is told what to say; gives nothing where the person gave up. None
            where nobody can be asked.
        put_back: Puts a text into the input line, for the person to send; None where there is none.
        key_names: Whose keys are stored, as far as that is known already.
        keys_changed: Whether the key of who answers has changed since it was made.
        environment: For ``NO_COLOR``, ``TERM`` and the like.
        history_file: Where the input line keeps what was typed; empty where nothing can be kept.
        signals: What Ctrl-C and SIGTERM do.
        gate: Who is asked before what cannot be taken back, and what was agreed to.
        review: Asks what is kept of what a turn did; None where all of it is (no ``--review``).
        dry_run: Whether nothing that is done stays.
        account: What the session took so far.
        mcp: The MCP servers; None where none is configured.
        diagnose: What ``/doctor`` shows.
        on_shown: To be called once events are shown: says what could not be said before.
    """

    def __init__(
        self,
        *,
        agent: "Agent",
        providers: "SessionManager",
        workspace: str,
        session: "Session",
        lock: Callable[[], Awaitable["Lock"]],
        version: str,
        redact: "Redacts",
        learn: Callable[[str], None],
        keys: "StoredKeys",
        covered: Callable[[], bool],
        uncovered: "Callable[[], AbstractAsyncContextManager[None]]",
        environment: Mapping[str, str],
        history_file: str,
        signals: "Signals",
        gate: "Asking",
        diagnose: Callable[[], Awaitable[str]],
        on_shown: Callable[[], None],
        mcp: "Mcp | None" = None,
        review: "LateReview | None" = None,
        dry_run: bool = False,
    ) -> None:
        self.agent = agent
        self.providers = providers
        self.workspace = workspace
        self.lock = lock
        self.version = version
        self.redact = redact
        self.learn = learn
        self.keys = keys
        self.covered = covered
        self.uncovered = uncovered
        self.ask_key: Callable[[str], Awaitable[str]] | None = None
        self.put_back: Callable[[str], None] | None = None
        self.key_names: Sequence[str] = ()
        self.keys_changed = False
        self.environment = environment
        self.history_file = history_file
        self.signals = signals
        self.gate = gate
        self.mcp = mcp
        self.diagnose = diagnose
        self.review = review
        self.dry_run = dry_run
        self.on_shown = on_shown
        self._session = session
        self.account = Account(session.envelopes)
        agent.subscribe(self.account)

    @property
    def provider(self) -> "Provider":
        """Who answers."""
        return self.providers.active

    async def ask(self, text: str) -> "TurnFinished":
        """Run one turn, with whoever is to answer it alone, if there is somebody."""
        if self.keys_changed:
            self.keys_changed = False
            try:
                self.providers.renew()
            except ConfigError as error:
                self.agent.notice(f"{error}. Until this session ends, it goes on with the key that it has.")
        once = self.providers.take_once()
        try:
            return await self.agent.prompt(text, once=once)
        finally:
            if once is not None:
                self.providers.release(once)

    @property
    def past(self) -> "Sequence[Envelope]":
        """The facts of the session that goes on; empty for a new one."""
        return self._session.envelopes

    @property
    def journal(self) -> str:
        """The file of the session's facts, once there is one; empty where none is kept, as with ``session_id``."""
        return self._session.path if self._session.kept else ""

    @property
    def session_id(self) -> str:
        """What ``-r`` takes; empty where no journal is kept, or could not be any longer."""
        return self._session.id if self._session.kept else ""
