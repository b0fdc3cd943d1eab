"""App: the wired objects that commands, REPL and one shot act on."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py_mono.agent.agent import Agent
    from py_mono.protocol.ports import Provider, Redact


class App:
    """What ``wiring`` put together for one session.

    Attributes:
        agent: The agent.
        provider: Who answers.
        workspace: Its absolute path.
        session_id: What ``-r`` takes; empty where no journal is kept.
        sandbox_summary: The lock in a few words.
        version: Of py-mono.
        redact: Keeps secrets out of what is printed for programs.
        environment: For ``NO_COLOR``, ``TERM`` and the like.
        history_file: Where the input line keeps what was typed; empty where nothing can be kept.
    """

    def __init__(
        self,
        *,
        agent: "Agent",
        provider: "Provider",
        workspace: str,
        session_id: str,
        sandbox_summary: str,
        version: str,
        redact: "Redact",
        environment: Mapping[str, str],
        history_file: str,
    ) -> None:
        self.agent = agent
        self.provider = provider
        self.workspace = workspace
        self.session_id = session_id
        self.sandbox_summary = sandbox_summary
        self.version = version
        self.redact = redact
        self.environment = environment
        self.history_file = history_file
