"""The fold: facts in, conversation out. Live, resumed and replayed sessions all go through it."""

from py_mono.protocol.announcing import ToolsAnnounced
from py_mono.protocol.changes import ChangesDiscarded, ChangesUndone
from py_mono.protocol.commands import CommandRun
from py_mono.protocol.events import (
    Event,
    HistoryCleared,
    MessageFinished,
    MessageSteered,
    ModelBound,
    PromptFrozen,
    SessionStarted,
    StepStarted,
    ToolFinished,
    TurnStarted,
)
from py_mono.protocol.job_list import JobList
from py_mono.protocol.messages import AssistantMessage, Message, ToolMessage, UserMessage
from py_mono.protocol.spending import Spending
from py_mono.protocol.tools import Change, ToolCall
from py_mono.protocol.undo import UndoStack

_MAX_NAMED = 10


class History:
    """The conversation as it stands.

    Attributes:
        messages: Oldest first; append-only but for ``HistoryCleared``; only what was not sent yet
            may get something put in front of it (``ToolsAnnounced``).
        prompt: The frozen front of the requests, once there is one.
        model: The model bound last, if any.
        session: What ``SessionStarted`` said, once it did.
        turns: How many turns were started, and commands run between them.
        undo: What can be undone and redone.
        jobs: The background commands.
        spending: What its requests took; that stays when the conversation is cleared.
        told: Names of the tools outside the frozen list that the model was told of.
        dry: What the turns of a dry run did; the model counts on it as long as their copy is there.
    """

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.prompt: PromptFrozen | None = None
        self.model: ModelBound | None = None
        self.session: SessionStarted | None = None
        self.turns = 0
        self.undo = UndoStack()
        self.jobs = JobList()
        self.spending = Spending()
        self.told: set[str] = set()
        self.dry: dict[str, Change] = {}
        self._asked = True

    def apply(self, event: Event) -> None:
        """Take one event in; those that say nothing to the model are passed over."""
        self.undo.apply(event)
        self.jobs.apply(event)
        self.spending.apply(event)
        self._announce(event)
        match event:
            case TurnStarted() | CommandRun():
                self.turns = event.turn
                self.messages += [event.message] if event.message else []
            case MessageSteered() | MessageFinished():
                self.messages.append(event.message)
            case ToolFinished():
                self.messages.append(ToolMessage(event.result))
            case HistoryCleared():
                self.messages.clear()
                self.told.clear()
                self.dry.clear()
                self.prompt = None
            case PromptFrozen():
                self.prompt = event
            case ModelBound():
                self.model = event
            case SessionStarted():
                self.session = event
            case ChangesUndone() | ChangesDiscarded():
                self._take_back(event)
            case _:
                pass

    def _announce(self, event: Event) -> None:
        """Tools that came later: told before what the person says in a turn as long as nothing was asked in it."""
        if isinstance(event, ToolsAnnounced):
            self.told.update(event.tools)
            self.messages.insert(len(self.messages) - (not self._asked), event.message)
        elif isinstance(event, TurnStarted | StepStarted):
            self._asked = isinstance(event, StepStarted)

    def _take_back(self, event: ChangesUndone | ChangesDiscarded) -> None:
        if isinstance(event, ChangesDiscarded) and event.reason == "dry_run":
            self.dry |= {change.path: change for change in event.changes}
            return
        if event.changes:
            self.messages.append(UserMessage(_told(event)))
        if isinstance(event, ChangesDiscarded) and event.reason == "ended":
            self.dry.clear()

    def open_calls(self) -> tuple[ToolCall, ...]:
        """The calls of the newest reply that have no result yet, in order."""
        answered: set[str] = set()
        for message in reversed(self.messages):
            if isinstance(message, ToolMessage):
                answered.add(message.result.call_id)
            elif isinstance(message, AssistantMessage):
                return tuple(call for call in message.tool_calls if call.id not in answered)
        return ()


def _told(event: ChangesUndone | ChangesDiscarded) -> str:
    """What the model must know to trust its memory of the files."""
    paths = [change.path for change in event.changes]
    named = ", ".join(paths[:_MAX_NAMED]) + (f" and {len(paths) - _MAX_NAMED} more" if len(paths) > _MAX_NAMED else "")
    if isinstance(event, ChangesDiscarded) and event.reason == "ended":
        return f"[That was a dry run, and it is over: these files are as they were before it: {named}]"
    if isinstance(event, ChangesDiscarded):
        return f"[The user did not keep what turn {event.turn} did to these files: {named}]"
    did = "brought back" if event.redone else "took back"
    return f"[The user {did} what turn {event.turn} did to these files: {named}]"
