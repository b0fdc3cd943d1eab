"""GUEST. The stale-file guard: nothing is written over what the model has not seen."""

from py_mono.tools.builtin.context import ToolFailure
from py_mono.tools.builtin.diffs import unified
from py_mono.tools.builtin.paths import shown
from py_mono.tools.builtin.textfile import detect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from py_mono.tools.builtin.context import Context


def refuse_stale(context: "Context", real: str, data: bytes) -> None:
    """Refuse to go on where the file changed since the model last read or wrote it.

    Where the refusal shows all of the change, the model knows the file again and may repeat its call.

    Raises:
        ToolFailure: It changed; the text shows what.
    """
    if not context.reads.is_stale(real, data):
        return
    name = shown(context, real)
    known = context.reads.known(real)
    diff, complete = _difference(known, data, name, context.output_limit // 2) if known is not None else ("", False)
    if complete:
        context.reads.record(real, data)
        raise ToolFailure(
            f"{name} changed since you last read it; nothing was written. What changed:\n{diff}"
            "If your change still fits, make it again on this basis."
        )
    raise ToolFailure(
        f"{name} changed since you last read it; nothing was written. Read it again first.\n{diff}".rstrip()
    )


def _difference(known: bytes, data: bytes, name: str, limit: int) -> tuple[str, bool]:
    before, after = detect(known, whole=True), detect(data, whole=True)
    if before is None or after is None:
        return "It is binary now.\n", False
    old, new = before.decode(known), after.decode(data)
    if old.replace("\r\n", "\n") == new.replace("\r\n", "\n"):
        return "(only line ends, or the encoding)\n", True
    diff, complete = unified(old.replace("\r\n", "\n"), new.replace("\r\n", "\n"), name, limit=limit)
    return displayable(diff), complete


def displayable(text: str) -> str:
    """Text that JSON can carry: bytes that are not UTF-8 become U+FFFD."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode() if _lone(text) else text


def _lone(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
