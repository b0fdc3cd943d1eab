"""Which tool a model means by a name that no tool has."""

import re
from collections.abc import Collection, Sequence

from py_mono.protocol.late_tools import DISPATCHER
from py_mono.utils.lazy import load

_NAMESPACE = r"\A(?:functions|tools|default_api)[.:/]"
"""What models put before a name that they were told without it: the namespaces of their templates, never ours."""
_TEMPLATE = r"(?s)<\|.*|:\d+\Z"
"""What leaks from a template behind a name: ``read_file<|channel|>commentary``, ``read_file:0``."""
_LAST = r"(?s).*(?:\.|/|:|__)"
_LONGEST = 80
_ROOM = 1_500
"""Characters of the names that stand in no list."""
_CLOSE = 0.75

_FOREIGN = {
    "shell": (
        "bash", "sh", "zsh", "exec", "execute", "run", "cmd", "command", "terminal", "executecommand", "runcommand",
        "runshellcommand", "shellcommand", "executebash", "executeshell", "runterminalcmd", "runterminalcommand",
        "runinterminal", "runbash", "localshell", "python", "runpython", "runtests", "pytest", "git",
    ),
    "read_file": (
        "read", "cat", "open", "openfile", "view", "viewfile", "readtextfile", "readfiles", "readmanyfiles", "fileread",
        "getfile", "getfilecontent", "getfilecontents", "showfile", "head", "tail",
    ),
    "write_file": ("write", "create", "createfile", "createnewfile", "writetofile", "newfile", "savefile", "filewrite"),
    "edit_file": (
        "edit", "strreplace", "strreplaceeditor", "strreplacebasededittool", "replace", "replaceinfile",
        "searchreplace", "searchandreplace", "applypatch", "applydiff", "multiedit", "modifyfile", "updatefile",
        "editexistingfile", "patch", "insert",
    ),
    "list_files": (
        "ls", "list", "dir", "listdir", "listdirectory", "listfolder", "readfolder", "readdir", "tree", "glob", "find",
        "findfiles", "filelist", "viewdirectory",
    ),
    "grep": (
        "search", "searchfiles", "searchfile", "searchcode", "searchcontent", "searchfilecontent", "searchtext", "rg",
        "ripgrep", "grepsearch", "greptool", "codebasesearch", "findinfiles",
    ),
}  # fmt: skip
"""What other agents call what ours do, without case and underscores: enough for a hint, never for a call."""
_BY_SHELL = {"list_files": "shell (ls)", "grep": "shell (grep -rn)"}


def plain(name: str) -> str:
    """A name without what only its spelling decides: case, underscores, hyphens, blanks."""
    return re.sub(r"[\s_-]", "", name).casefold()


def respelled(name: str, known: Collection[str]) -> str:
    """The one known name that this is in another spelling, a template's namespace or leftover aside; else empty."""
    wanted = plain(re.sub(_TEMPLATE, "", re.sub(_NAMESPACE, "", name.strip())))
    found = [tool for tool in known if plain(tool) == wanted]
    return found[0] if len(found) == 1 else ""


def refusal(name: str, listed: Collection[str], late: Sequence[str] = ()) -> str:
    """What a model is told that called ``name``, with the tool it may have meant.

    ``listed`` are those it can see, ``late`` those that it calls through the dispatcher; of these only some may be named.
    """
    tools = f"The tools are: {', '.join(listed)}"
    if late:
        asked = plain(name)
        alike = sorted(late, key=lambda tool: asked not in plain(tool))
        tools += f". With {DISPATCHER}: {load('py_mono.tools.announcing:listing')(alike, _ROOM)}"
    if not listed:
        return "there are no tools in this session; answer in words"
    if not name.strip():
        return f"the call names no tool. {tools}"
    shown = repr(name if len(name) <= _LONGEST else name[:_LONGEST] + "…")
    suited = _suited(name, listed)
    if suited:
        return f"there is no tool {shown}; the tool for that is {suited}. {tools}"
    near = load("difflib:get_close_matches")(name[:_LONGEST], [*listed, *late], n=1, cutoff=_CLOSE)
    return f"there is no tool {shown}{f'; the nearest is {near[0]}' if near else ''}. {tools}"


def _suited(name: str, listed: Collection[str]) -> str:
    """Our word for another agent's tool; empty where nothing is known of it, or what does the same is not listed."""
    wanted = plain(re.sub(_LAST, "", re.sub(_TEMPLATE, "", name)))
    tool = next((tool for tool, names in _FOREIGN.items() if wanted == plain(tool) or wanted in names), "")
    if tool in listed:
        return tool
    return _BY_SHELL.get(tool, "") if "shell" in listed else ""
