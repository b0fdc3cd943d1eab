r"""GUEST. What a path given by the model means, and how a path is shown to it.

The lock is the wall; this is courtesy and clarity. Names may be any bytes: what is not printable UTF-8 is shown, and
understood again, as ``\xNN``.
"""

import errno
import os
import re
import stat

from py_mono.tools.builtin.context import ToolFailure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from py_mono.tools.builtin.context import Context

KEYS_FILE = ".keys.enc"
_ESCAPED = re.compile(rb"\\x([0-9a-fA-F]{2})")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NEAR_ENOUGH = 0.6
_MANY_NAMES = 2_000


def printable(name: str) -> str:
    """A name as the model sees it: on one line, valid UTF-8; ``resolve`` understands it."""
    if name.isascii() and name.isprintable():
        return name
    return _UNPRINTABLE.sub(_escape, name)


def _escape(found: "re.Match[str]") -> str:
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(found[0]))


def shown(context: "Context", path: str) -> str:
    """An absolute path as the model should name it: relative to the workspace where it lies inside."""
    if path == context.workspace:
        return "."
    return printable(path.removeprefix(context.workspace.rstrip("/") + "/"))


def roots(context: "Context") -> tuple[str, ...]:
    """The folders that paths may lie in."""
    return (context.workspace, *context.extra_roots, context.private_tmp)


def inside(path: str, root: str) -> bool:
    """Whether an absolute, resolved path is the root or lies below it."""
    return path == root or path.startswith(root.rstrip("/") + "/")


def resolve(context: "Context", path: str) -> str:
    """The absolute path, links resolved, that the model means; it need not exist.

    Raises:
        ToolFailure: Empty, not a path, outside the workspace (also through a link), links in a circle, or the file of
            the keys.
    """
    _check_form(path)
    try:
        real = os.path.realpath(os.path.join(context.workspace, path))
        if "\\x" in path and not os.path.lexists(real):
            literal = _ESCAPED.sub(lambda found: bytes((int(found[1], 16),)), os.fsencode(path))
            if b"\0" not in literal:
                real = os.path.realpath(os.path.join(context.workspace, os.fsdecode(literal)))
    except (OSError, UnicodeEncodeError) as error:
        raise ToolFailure(f"{printable_or_repr(path)} is not a usable path: {error}") from error
    if not any(inside(real, os.path.realpath(root)) for root in roots(context)):
        where = "leads" if os.path.lexists(os.path.join(context.workspace, path)) else "is"
        allowed = ", ".join((context.workspace, *context.extra_roots))
        raise ToolFailure(
            f"{printable_or_repr(path)} {where} outside the workspace; give a path relative to it, or inside: {allowed}"
        )
    _refuse_circle(real, path)
    if is_keys_file(context, real):
        raise ToolFailure(f"{KEYS_FILE} holds the encrypted keys; no tool reads or writes it")
    return real


def _refuse_circle(real: str, given: str) -> None:
    try:
        os.stat(real)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ToolFailure(
                f"{printable_or_repr(given)} leads through symbolic links that go round in a circle; name another path"
            ) from None


def _check_form(path: str) -> None:
    if not path.strip():
        raise ToolFailure('path is empty; give one relative to the workspace, such as "src/app.py" or "."')
    if "\0" in path:
        raise ToolFailure("path holds a NUL character; give a plain path relative to the workspace")
    if path == "~" or path.startswith("~/"):
        raise ToolFailure("~ is not expanded; give a path relative to the workspace")


def printable_or_repr(path: str) -> str:
    """A path for an error message, whatever it holds."""
    try:
        return printable(path)
    except UnicodeEncodeError:
        return ascii(path)


def is_keys_file(context: "Context", path: str) -> bool:
    """Whether the path names the workspace's file of encrypted keys, through another name of it too."""
    keys = os.path.join(context.workspace, KEYS_FILE)
    if path == keys:
        return True
    try:
        return os.path.samefile(path, keys) and stat.S_ISREG(os.stat(keys).st_mode)
    except OSError:
        return False


def missing(context: "Context", path: str, given: str) -> ToolFailure:
    """What to say of a path that does not exist: the nearest names beside it."""
    folder, name = os.path.split(path)
    while folder and not os.path.isdir(folder):
        folder, name = os.path.split(folder)
    near = _near_names(folder, name)
    said = f"{printable_or_repr(given)} does not exist"
    if near:
        return ToolFailure(
            f"{said}; did you mean {' or '.join(shown(context, os.path.join(folder, n)) for n in near)}?"
        )
    return ToolFailure(f"{said}; list_files on {shown(context, folder)} shows what does")


def _near_names(folder: str, name: str) -> list[str]:
    """Up to three names in a folder that share most letters' pairs with the wanted one, best first."""
    try:
        names = sorted(os.listdir(folder))[:_MANY_NAMES]
    except OSError:
        return []
    wanted = _pairs(name)
    scored = [(2 * len(wanted & have) / (len(wanted) + len(have) or 1), other)
              for other in names if other not in (KEYS_FILE, ".git") for have in (_pairs(other),)]  # fmt: skip
    return [other for score, other in sorted(scored, key=lambda pair: -pair[0])[:3] if score >= _NEAR_ENOUGH]


def _pairs(name: str) -> set[str]:
    folded = f" {name.casefold()} "
    return {folded[at : at + 2] for at in range(len(folded) - 1)}


def explain(error: OSError, what: str) -> ToolFailure:
    """An operating system's refusal in words."""
    said = os.strerror(error.errno).lower().replace("directory", "folder") if error.errno else error
    return ToolFailure(f"{what}: {said}")


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun, such as ``1 line`` or ``2,000 lines``; ``many`` where an s is not enough."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
