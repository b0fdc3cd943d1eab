"""GUEST. Run a command."""

from py_mono.tools.builtin.context import Output, ToolFailure
from py_mono.tools.builtin.plain import plain_words
from py_mono.utils.shell import shell_path
from py_mono.utils.text import HeadTail, LineSettler, TerminalDecoder, clip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from py_mono.tools.builtin.context import Context, Finished

DEFAULT_TIMEOUT_S = 120.0
_FIRST_LIMIT = 2000  # characters of what a background command says at first
_SIGNALS = {1: "hangup", 2: "interrupt", 4: "illegal instruction", 6: "abort", 7: "bus error", 8: "arithmetic error",
            9: "killed", 11: "segmentation fault", 13: "broken pipe", 14: "alarm", 15: "terminated",
            24: "CPU time limit", 25: "file size limit", 31: "a system call the sandbox forbids"}  # fmt: skip
_SIGNAL_BASE = 128

SPEC: "dict[str, Any]" = {
    "name": "shell",
    "description": "Run a bash command in the workspace, without input. background: for servers and long runs.",
    "parameters": {
        "type": "object",
        "properties": {
            "command": {"type": "string"},
            "timeout": {"type": "number", "exclusiveMinimum": 0, "description": "seconds"},
            "background": {"type": "boolean"},
        },
        "required": ["command"],
        "additionalProperties": False,
    },
    "effect": "write",
}


def run(context: "Context", *, command: str, timeout: float | None = None, background: bool = False) -> Output:
    """The command's output, head and tail, and how it ended; is_error where its exit code is not 0."""
    if not command.strip():
        raise ToolFailure("command is empty; give a shell command")
    if "\0" in command:
        raise ToolFailure("command holds a NUL character, which no program can be given; write it as an escape")
    try:
        command.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise ToolFailure("command holds half a surrogate pair; give whole characters") from None
    argv = (shell_path(), "-c", command)
    if background:
        return _start(context, argv, command, min(timeout or 0.0, context.timeout_ceiling_s))
    limit = DEFAULT_TIMEOUT_S if timeout is None else timeout
    allowed = min(limit, context.timeout_ceiling_s)
    kept, decoder, lines = HeadTail(context.output_limit), TerminalDecoder(), LineSettler()

    def take(data: bytes, *, final: bool = False) -> None:
        text = decoder.feed(data, final=final)
        if text:
            context.emit(text.replace("\r\n", "\n").replace("\r", "\n"))
        kept.add(lines.feed(text, final=final))

    def run_program(argv: "Sequence[str]") -> "Finished":
        return context.commands.run(
            argv, cwd=context.workspace, timeout_s=allowed, on_output=take, cancelled=context.cancelled
        )

    words = plain_words(command)
    try:
        finished = run_program(words or argv)
    except ToolFailure:
        if words is None:
            raise
        finished = run_program(argv)  # the shell says best what is wrong with a program that cannot be started
    take(b"", final=True)
    return _output(finished, kept, allowed, lowered=allowed < limit)


def _start(context: "Context", argv: "tuple[str, ...]", command: str, limit: float) -> Output:
    started = context.commands.start_background(
        argv,
        command=command,
        cwd=context.workspace,
        folder=context.private_tmp,
        timeout_s=limit,
        cancelled=context.cancelled,
    )
    said = clip(started.output.strip("\n"), _FIRST_LIMIT)
    if not started.job:
        details: dict[str, Any] = {"exit_code": started.exit_code, "timed_out": started.reason == "timed_out"}
        failed = bool(started.exit_code or started.reason != "exited")
        return Output(f"{said or '[no output]'}\n[ended at once: {started.ended}]", is_error=failed, details=details)
    until = f" for at most {limit:g} s" if limit else ""
    job = started.job
    note = (
        f"[job {job} runs in the background{until}; you are told when it ends. Its output: {started.path}. "
        f"Shell commands for it: job {job} (last output), job wait {job}, job kill {job}]"
    )
    return Output(f"{said}\n{note}".lstrip("\n"), details={"job": job, "output": started.path})


def _output(finished: "Finished", kept: HeadTail, allowed: float, *, lowered: bool) -> Output:
    text = kept.text().rstrip("\n")
    notes = list(_endings(finished, allowed, lowered=lowered))
    if not text.strip():
        text = "[no output]"
    details = {"exit_code": finished.exit_code, "timed_out": finished.timed_out, "truncated": kept.truncated}
    failed = bool(finished.exit_code or finished.timed_out or finished.cancelled)
    return Output("\n".join((text, *notes)), is_error=failed, details=details)


def _endings(finished: "Finished", allowed: float, *, lowered: bool) -> "list[str]":
    notes = [f"[{finished.note}]"] if finished.note else []
    if finished.timed_out:
        more = "the longest time allowed" if lowered else "give a larger timeout, or background=true"
        notes.append(f"[timed out after {allowed:g} s and was ended with all it started; {more}]")
    elif finished.cancelled:
        notes.append("[cancelled]")
    elif finished.exit_code > _SIGNAL_BASE and (name := _SIGNALS.get(finished.exit_code - _SIGNAL_BASE)):
        notes.append(f"[exit code {finished.exit_code}: signal {finished.exit_code - _SIGNAL_BASE}, {name}]")
    elif finished.exit_code:
        notes.append(f"[exit code {finished.exit_code}]")
    return notes
