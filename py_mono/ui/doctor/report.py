"""What was found, for people and for programs."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import msgspec

from py_mono.ui.doctor.findings import Finding, Verdict
from py_mono.ui.json_mode import DONE, FAILED
from py_mono.ui.terminal import Screen, Style, one_line, wrap_words

_NAME_WIDTH = 12
_MARKS: dict[Verdict, tuple[str, Style | None]] = {
    "ok": ("ok     ", "green"),
    "warning": ("warning", "yellow"),
    "fault": ("FAULT  ", "red"),
    "not_checked": ("-      ", "dim"),
}
_INDENT = " " * (len(_MARKS["ok"][0]) + _NAME_WIDTH + 2)
_REMEDY_INDENT = " " * 8
_NARROW = 60
"""Columns; on less the details have lines of their own."""


def rows(finding: Finding, screen: Screen) -> str:
    """A finding in lines: verdict, name and detail, then the remedy, whole, so that it can be copied."""
    mark, style = _MARKS[finding.verdict]
    head = f"{screen.paint(mark, style)} {finding.name:{_NAME_WIDTH}} "
    detail = one_line(finding.detail)
    if screen.terminal and screen.width >= _NARROW:
        detail = wrap_words(detail, screen.width - len(_INDENT)).replace("\n", f"\n{_INDENT}")
    elif screen.terminal:
        detail = f"\n{wrap_words(detail, screen.width - 2)}".replace("\n", "\n  ")
    remedy = f"{_REMEDY_INDENT}{screen.paint('> ' + one_line(finding.remedy), 'bold')}\n" if finding.remedy else ""
    return f"{head}{detail}\n{remedy}"


async def print_rows(findings: AsyncIterator[Finding], screen: Screen) -> int:
    """Each finding as it comes, then a summary; the exit status."""
    found = []
    async for finding in findings:
        screen.write(rows(finding, screen))
        found.append(finding)
    screen.write(f"\n{summary(found)}\n")
    return status(found)


def summary(found: Iterable[Finding]) -> str:
    """How much is wrong, in a sentence."""
    verdicts = [finding.verdict for finding in found]
    faults, warnings = verdicts.count("fault"), verdicts.count("warning")
    if not faults and not warnings:
        return "Nothing is wrong."
    said = [
        f"{number} {word}{'' if number == 1 else 's'}"
        for number, word in ((faults, "fault"), (warnings, "warning"))
        if number
    ]
    return f"{' and '.join(said)}; the lines with > say what mends them."


def status(found: Iterable[Finding]) -> int:
    """The exit status: warnings are no failure."""
    return FAILED if any(finding.verdict == "fault" for finding in found) else DONE


def as_object(found: Sequence[Finding], *, version: str) -> dict[str, Any]:
    """What ``--json`` prints."""
    checks = [{name: _text(said) for name, said in msgspec.to_builtins(one).items()} for one in found]
    return {"version": version, "status": status(found), "checks": checks}


def _text(said: str) -> str:
    """Names of files need not be UTF-8; JSON is."""
    return said.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
