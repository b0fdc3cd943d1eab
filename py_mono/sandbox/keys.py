"""HOST. The name of the operator's file of keys is kept: what a call puts there is taken away again."""

import os
import stat

from py_mono.protocol.tools import ToolResult

_KEYS = ".keys.enc"


def keys_mode(workspace: str) -> int | None:
    """The mode of what bears the key file's name; None where nothing does."""
    try:
        return os.lstat(os.path.join(workspace, _KEYS)).st_mode
    except OSError:
        return None


def without_planted(workspace: str, result: ToolResult) -> ToolResult:
    """Take away a key file that a call made where none was: it would be taken for the operator's."""
    mode = keys_mode(workspace)
    if mode is None:
        return result
    path = os.path.join(workspace, _KEYS)
    what = "was removed"
    try:
        if stat.S_ISDIR(mode):
            what = "was renamed"
            os.rename(path, f"{path}.removed-{os.urandom(4).hex()}")
        else:
            os.unlink(path)
    except OSError as error:
        what = f"could not be removed ({error.strerror})"
    note = f"{_KEYS} appeared in the workspace and {what}: that name is kept for the operator's keys."
    return ToolResult(
        result.call_id, result.name, f"{result.content}\n{note}".lstrip(), result.is_error, result.details
    )
