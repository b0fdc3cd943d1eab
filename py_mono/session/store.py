"""The sessions there are: made, found, listed, gone on with."""

import os
import time
from collections.abc import Callable, Iterable, Iterator

from py_mono.protocol.codec import is_fact
from py_mono.protocol.errors import SessionError
from py_mono.protocol.events import Envelope, SessionStarted
from py_mono.protocol.ports import Redact
from py_mono.session import where
from py_mono.session.heal import healing
from py_mono.session.journal import Journal, read, read_numbered
from py_mono.session.summary import Summary, summarise
from py_mono.utils.ids import new_id


class Session:
    """One session, open for more.

    Attributes:
        id: What ``-r`` takes.
        workspace: Its absolute path.
        path: Of its journal.
        envelopes: The facts so far, those included that closed what a crash had left open; empty for a new session.
        next_seq: The number for the next event.
    """

    def __init__(self, name: str, workspace: str, journal: Journal | None, path: str) -> None:
        self.id = name
        self.workspace = workspace
        self.path = path
        self.envelopes: tuple[Envelope, ...] = ()
        self.next_seq = 1
        self._journal = journal

    @property
    def kept(self) -> bool:
        """Whether facts are written to the journal; False from the moment that this fails."""
        return self._journal is not None and self._journal.writing

    def append(self, envelope: Envelope) -> None:
        """Keep a fact; signals are passed over. Never raises: see ``Journal``."""
        if self._journal is not None and is_fact(envelope.event):
            self._journal.append(envelope)

    async def synced(self) -> None:
        """Wait until every fact so far is on the disk, where there is a journal."""
        if self._journal is not None:
            await self._journal.synced()

    def close(self) -> None:
        """Give the journal free; may be called twice."""
        if self._journal is not None:
            self._journal.close()


class Sessions:
    """The sessions in a state folder, each a journal in its folder ``sessions``.

    ``notice`` gets one sentence for the person where a session cannot be kept; it goes on all the same.
    """

    def __init__(self, state_folder: str | os.PathLike[str], *, redact: Redact, notice: Callable[[str], None]) -> None:
        self._folder = where.folder_of(os.fspath(state_folder))
        self._redact = redact
        self._notice = notice

    def new(self, workspace: str, *, keep: bool = True) -> Session:
        """A fresh session; its file is made with its first fact, and never where ``keep`` is false."""
        name = new_id()
        path = self._path(name)
        return Session(name, workspace, self._journal(path) if keep else None, path)

    def resume(self, name: str) -> Session:
        """Go on with the session of this id, or of the only id that begins so.

        Raises:
            SessionError: There is none, more than one, another process has it open, or its journal is damaged.
        """
        return self._open(self.find(name))

    def latest(self, workspace: str) -> Session:
        """Go on with the session of this workspace that was used last.

        Raises:
            SessionError: There is none; else as ``resume``.
        """
        here = os.path.realpath(workspace)
        for path in self._by_use():
            summary = summarise(path)
            if summary and os.path.realpath(summary.workspace) == here:
                return self._open(where.name_of(path))
        raise SessionError(f"There is no session of {workspace} yet.", remedy="Start one without --continue.")

    def fork(self, name: str, at_seq: int | None = None) -> Session:
        """A new session that begins with the facts of another, up to number ``at_seq`` inclusive (None: all of them).

        The first fact names the new session and its parent; the others keep number and time.

        Raises:
            SessionError: There is no such session, it is damaged before ``at_seq``, or it begins after it.
        """
        parent = self.find(name)
        facts = list(_up_to(at_seq, read(self._path(parent))))
        first = _start(parent, facts)
        session = self.new(first.workspace)
        start = SessionStarted(session.id, first.workspace, first.version, parent)
        facts[0] = Envelope(facts[0].seq, facts[0].at, start)
        for fact in facts:
            session.append(fact)
        _load(session, facts, facts[-1].seq)
        return session

    def read(self, name: str) -> Iterator[Envelope]:
        """The facts of a session as they stand, also while another process writes it.

        Raises:
            SessionError: As ``find``; and while iterating where the journal is damaged.
        """
        return read(self._path(self.find(name)))

    def list(self, workspace: str = "") -> list[Summary]:
        """What there is (of one workspace, where given), last used first; damaged ones tell what can be read of them."""
        here = os.path.realpath(workspace) if workspace else ""
        found = [summary for path in self._by_use() if (summary := summarise(path))]
        return [each for each in found if not here or os.path.realpath(each.workspace) == here]

    def find(self, name: str) -> str:
        """The whole id that ``name`` is the beginning of.

        Raises:
            SessionError: No id begins so, or more than one.
        """
        return where.find(self._folder, name)

    def _open(self, name: str) -> Session:
        path = self._path(name)
        journal = self._journal(path)
        journal.reopen()
        try:
            facts, last_seq = _read_all(path)
            session = Session(name, _start(name, facts).workspace, journal, path)
            _load(session, facts, last_seq)
        except BaseException:
            journal.close()
            raise
        return session

    def _journal(self, path: str) -> Journal:
        return Journal(path, redact=self._redact, notice=self._notice)

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name + where.ENDING)

    def _by_use(self) -> Iterable[str]:
        """The journals, that written last first; none where the folder is missing."""
        return [self._path(name) for name in where.ids(self._folder)]


def _read_all(path: str) -> tuple[list[Envelope], int]:
    facts, last_seq = [], 0
    for seq, envelope in read_numbered(path):
        last_seq = max(last_seq, seq)
        if envelope is not None:
            facts.append(envelope)
    return facts, last_seq


def _up_to(at_seq: int | None, facts: Iterator[Envelope]) -> Iterator[Envelope]:
    """Stops without looking at what comes after, so that damage there does not matter."""
    for fact in facts:
        if at_seq is not None and fact.seq > at_seq:
            return
        yield fact
        if fact.seq == at_seq:
            return


def _load(session: Session, facts: list[Envelope], last_seq: int) -> None:
    """Give a session its facts, and close what they left open."""
    closing = healing(facts, next_seq=last_seq + 1, at=time.time())
    for fact in closing:
        session.append(fact)
    session.envelopes = (*facts, *closing)
    session.next_seq = last_seq + 1 + len(closing)


def _start(name: str, facts: list[Envelope]) -> SessionStarted:
    if facts and isinstance(facts[0].event, SessionStarted):
        return facts[0].event
    raise SessionError(f"The session {name} holds nothing to go on with.", remedy="Start a new one.")
