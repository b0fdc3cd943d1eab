"""What Tab completes."""

import os
import re
from collections.abc import Iterator

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from py_mono.ui.commands import NAMES

_MOST_FILES = 200


class Words(Completer):
    """Completes ``/commands``, and ``@file`` in the workspace."""

    def __init__(self, workspace: str) -> None:
        self._workspace = workspace

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:  # noqa: ARG002 - the base class's
        """What could stand where the cursor is."""
        before = document.text_before_cursor
        if before.startswith("/") and not before[1:].count(" "):
            yield from (Completion(name, -len(before)) for name in NAMES if name.startswith(before))
            return
        word = re.split(r"\s", before)[-1]
        if word.startswith("@"):
            folder, _, start = word[1:].rpartition("/")
            yield from (Completion(name, -len(start)) for name in self._names(folder, start))

    def _names(self, folder: str, start: str) -> list[str]:
        try:
            with os.scandir(os.path.join(self._workspace, folder)) as entries:
                found = [
                    entry.name + ("/" if entry.is_dir() else "")
                    for entry in entries
                    if entry.name.startswith(start) and entry.name.isprintable() and " " not in entry.name
                ]
        except (OSError, ValueError):
            return []
        return sorted(name for name in found if start or not name.startswith("."))[:_MOST_FILES]
