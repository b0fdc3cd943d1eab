"""Whatever arguments come, through the real registry and the real worker: each call is answered, and nothing else happens.

``FUZZ=20`` in the environment makes it twenty times as long.
"""

import asyncio
import json
import os
import random
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from py_mono.protocol.tools import ToolCall, ToolResult
from py_mono.sandbox.branch import WorkerSandbox
from py_mono.sandbox.launch import Launcher
from py_mono.tools.registry import ToolRegistry

if TYPE_CHECKING:
    from py_mono.protocol.ports import Branch

LONGER = int(os.environ.get("FUZZ", "1"))
PATIENCE_S = 60
CALLS = 5  # in one example
SECRET = "a-secret-that-lies-outside"
KNOWN = [
    "a.txt", "b.py", "empty", "crlf.txt", "binary", "latin.txt", "wide.txt", "long.txt", "lines.txt", "readonly", "folder",
    "folder/inner.txt", "folder/../a.txt", "loop", "one/other", "out", "out/secret.txt", "file-out", "dangling", "environ",
    "fifo", "socket", "null", "zero", "tty", "hard", ".keys.enc", ".gitignore", ".git/config", "esc\x1b[2Japed", "bad\udcff", "bad\\xff",
    "n" * 255, "n" * 256, "n/" * 3000, "", ".", "..", "/", "~", "~root/x", "../outside/secret.txt", "/proc/self/environ",
    "/proc/self/mem", "/proc/1/environ", "/proc/self/root/etc/passwd", "/proc/self/fd/200", "/etc/shadow", "/dev/zero", "/dev/tty", "/dev/fd/3",
    "//a.txt", "a.txt/", "a.txt/x", "folder/", "a\nb", "a\x00b", "\ud800", "\u202egnp.exe", "C:\\x", "file:///etc/passwd", "-rf", "*", "$(id)",
]  # fmt: skip
PATTERNS = [
    "text", "(a+)+$", "(a|aa)+$", "(", "[", "\\", "(?P<x", "a{99999}", "a{1000}{1000}", "(?s).*", ".", "^", "$", "\\x00",
    "(?i)É", "\\p{L}", "(?<=a*)b", "\\1", "(?R)", "x*" * 50, "-e", "--pre=sh", "\n", "a\nb", "\udcff", "é", "[[:alpha:]]", "\\b", "|" * 500,
]  # fmt: skip
GLOBS = [
    "*",
    "**",
    "*.py",
    "**/*.txt",
    "{a,b}*",
    "[a-",
    "[!a]*",
    "../*",
    "/**",
    "!*.py",
    "*" * 200 + "x",
    "\x00",
    "\ud800",
    "{" * 300,
    "a/**/b",
]
COMMANDS = ["true", "false", "echo hi", "cat", "printf '\\033]0;x\\007\\377\\200'", "exit 300", "kill -9 $$", "(", "no-such-program", "./folder", "./fifo-x",
            "echo $((1/0))", "seq 20000", "head -c 100000 /dev/zero", "cat out/secret.txt", "cat ../outside/secret.txt", "ls /proc/1/fd", ": \udcff"]  # fmt: skip


def deep(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([10**400, "x" * 300_000, -0.0, 1e308])
)
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=8
)
ODD = ANYTHING | st.sampled_from([50, 500, 5_000, 100_000]).map(deep)
PATHS = (
    st.sampled_from(KNOWN)
    | st.lists(st.sampled_from(KNOWN) | st.text(max_size=8), min_size=1, max_size=4).map("/".join)
    | st.text(max_size=300)
)
TEXTS = st.text() | st.sampled_from(
    ["", "text", "original\n", "text\r\n", "\x00", "\ufeff", "é" * 9, "x" * 2_000_000, "\udcff", "\n" * 9_999]
)
NUMBERS = (
    st.integers()
    | st.sampled_from([1, 2, 10**6, 2**63, 2**64, -1, 0])
    | st.floats()
    | st.sampled_from(["1", "1e9", "0x10", "٣"])
)
TRUTHS = st.booleans() | st.sampled_from(["true", "False", 1, None])
FITTING: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "read_file": {"path": PATHS, "offset": NUMBERS, "limit": NUMBERS},
    "write_file": {"path": PATHS, "content": TEXTS},
    "edit_file": {"path": PATHS, "old_content": TEXTS, "new_content": TEXTS, "replace_all": TRUTHS},
    "list_files": {"path": PATHS, "recursive": TRUTHS, "max_depth": NUMBERS},
    "grep": {"pattern": st.sampled_from(PATTERNS) | st.text(), "path": PATHS, "glob": st.sampled_from(GLOBS) | st.text(), "case_insensitive": TRUTHS},
    "shell": {"command": st.sampled_from(COMMANDS), "timeout": st.sampled_from([0.3, 1, 10**9, 0, -1, "2", 1e308])},
}  # fmt: skip


NUMBERS_POOL: list[Any] = [
    None,
    1,
    2,
    3,
    7,
    10**6,
    2**63,
    2**64,
    -1,
    0,
    "1",
    "1e9",
    "0x10",
    1.0,
    1.5,
    -0.0,
    1e308,
    True,
    [],
    {},
]
TEXTS_POOL = [
    "",
    "text",
    "text\n",
    "original\n",
    "text\r\n",
    "\x00",
    "\ufeff",
    "é" * 9,
    "x" * 200_000,
    "\udcff",
    "\n" * 9_999,
    "\t",
    "\u2028",
]
POOLS: dict[str, list[Any]] = {
    "path": [*KNOWN, *(f"{folder}/{name}" for folder in ("folder", "out", "loop", "one") for name in KNOWN), None, 5, ["a.txt"], {"path": "a.txt"}],
    "content": [*TEXTS_POOL, 5], "old_content": TEXTS_POOL, "new_content": TEXTS_POOL, "pattern": [*PATTERNS, None, 5], "glob": GLOBS,
    "offset": NUMBERS_POOL, "limit": NUMBERS_POOL, "max_depth": NUMBERS_POOL, "command": COMMANDS, "timeout": [0.3, 1, 10**9, 0, -1, "2", 1e308],
    "replace_all": [True, False, "true", None], "recursive": [True, False, "yes"], "case_insensitive": [True, False],
}  # fmt: skip


def arguments(tool: str) -> st.SearchStrategy[dict[str, Any]]:
    """Mostly of the right names, each mostly of the right kind."""
    fitting = FITTING[tool]
    required = {"list_files": [], "grep": ["pattern"], "shell": ["command"], "read_file": ["path"]}.get(
        tool, list(fitting)
    )
    named = st.fixed_dictionaries(
        {name: fitting[name] for name in required},
        optional={name: kind for name, kind in fitting.items() if name not in required},
    )
    spoilt = st.tuples(named, st.sampled_from(list(fitting)) | st.text(max_size=9), ODD).map(
        lambda parts: {**parts[0], parts[1]: parts[2]}
    )
    lacking = named.map(lambda whole: dict(list(whole.items())[1:]))
    return st.one_of(named, named, named, spoilt, lacking, st.dictionaries(st.text(max_size=9), ODD, max_size=3))


TOOLS = (
    "read_file",
    "write_file",
    "edit_file",
    "list_files",
    "read_file",
    "write_file",
    "edit_file",
    "list_files",
    "grep",
    "shell",
)
DIRECT = st.sampled_from(TOOLS).flatmap(lambda tool: st.tuples(st.just(tool), arguments(tool)))
WRAPPED = DIRECT.map(lambda call: ("call_tool", {"name": call[0], "arguments": call[1]}))
UNKNOWN = st.tuples(
    st.text(max_size=30) | st.sampled_from(["__init__", "SPEC", "shell\n", "SHELL"]),
    st.dictionaries(st.text(), ODD, max_size=2),
)
CALL = st.one_of(DIRECT, DIRECT, DIRECT, DIRECT, WRAPPED, UNKNOWN)


class Rig:
    """A workspace of traps with a secret beside it, one worker for all calls, and what must hold after each."""

    def __init__(self, base: Path) -> None:
        self.outside, self.workspace = base / "outside", base / "ws"
        self.outside.mkdir()
        (self.outside / "secret.txt").write_text(SECRET)
        self.workspace.mkdir()
        self.lay_traps()
        self.runner = asyncio.Runner()
        self.sandbox = WorkerSandbox(Launcher(str(self.workspace)))
        self.branch: Branch = self.runner.run(self.sandbox.open("direct"))
        self.registry = ToolRegistry([self.branch])
        self.calls = 0
        self.seen = self.stand()
        self.around = snapshot(self.outside)

    def lay_traps(self) -> None:
        ws = self.workspace
        for name, data in {
            "a.txt": b"text\n", "b.py": b"original\ntext = 1\n", "empty": b"", "crlf.txt": b"text\r\ntext\r\n", "binary": bytes(range(256)),
            "latin.txt": "é text ".encode("latin-1") * 3, "wide.txt": "text é\n".encode("utf-16"), "long.txt": b"a" * 22 + b"!" + b"text" * 100_000,
            "lines.txt": b"text\n" * 40_000, "readonly": b"text\n", ".keys.enc": b"keys", ".gitignore": b"ignored\n[\n**\\\n!",
            "esc\x1b[2Japed": b"text", "bad\udcff": b"\xff\xfe\xfd text", "n" * 255: b"text",
        }.items():  # fmt: skip
            (ws / name).write_bytes(data)
        (ws / "readonly").chmod(0o400)
        for name in ("folder", "one", ".git"):
            (ws / name).mkdir()
        (ws / "folder/inner.txt").write_text("text\n")
        os.link(self.outside / "secret.txt", ws / "folder/.hard")
        os.unlink(ws / "folder/.hard")
        for name, target in {
            "loop": "loop", "one/other": "../one/back", "one/back": "other", "out": str(self.outside), "file-out": "../outside/secret.txt",
            "dangling": "nowhere/at/all", "environ": "/proc/self/environ", "null": "/dev/null", "zero": "/dev/zero", "tty": "/dev/tty",
        }.items():  # fmt: skip
            (ws / name).symlink_to(target)
        os.mkfifo(ws / "fifo")
        with socket.socket(socket.AF_UNIX) as end:
            here = os.open(ws, os.O_RDONLY)
            end.bind(f"/proc/self/fd/{here}/socket")
            os.close(here)

    def stand(self) -> dict[str, Any]:
        """How the workspace stands; kept small."""
        found = snapshot(self.workspace)
        if len(found) > 150:
            for path in sorted(self.workspace.rglob("*"), reverse=True):
                if path.name not in " ".join(KNOWN) and path.name not in {"inner.txt", "back"}:
                    with suppress(OSError):
                        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
            found = snapshot(self.workspace)
        return found

    def call(self, source: Any, tool: str, given: dict[str, Any]) -> ToolResult:
        """One call, its answer checked for what must never be in one."""
        self.calls += 1
        heard: list[str] = []
        asked = source.call(ToolCall(f"c{self.calls}", tool, given), heard.append)
        result: ToolResult = self.runner.run(asyncio.wait_for(asked, PATIENCE_S))
        assert (result.call_id, type(result.content)) == (f"c{self.calls}", str)
        said = "".join((result.content, json.dumps(result.details), *heard))
        assert SECRET not in said
        assert "Traceback" not in said
        result.content.encode()
        before, self.seen = self.seen, self.stand()
        runs = tool == "shell" or given.get("name") == "shell"
        if result.is_error and not runs:
            assert self.seen == before or len(before) > 150, (
                f"{tool} was refused and changed something: {result.content[:300]}"
            )
        return result

    def close(self) -> None:
        assert (
            self.runner.run(self.registry.call(ToolCall("z", "shell", {"command": "echo alive"}), print)).content
            == "alive"
        )
        assert snapshot(self.outside) == self.around
        assert (self.workspace / ".keys.enc").read_bytes() == b"keys"
        self.runner.run(self.sandbox.close())
        self.runner.close()


def snapshot(folder: Path) -> dict[str, Any]:
    found = {}
    for here, folders, names in os.walk(folder):
        for name in (*folders, *names):
            facts = os.lstat(os.path.join(here, name))
            times = () if os.path.isdir(os.path.join(here, name)) else (facts.st_size, facts.st_ctime_ns, facts.st_ino)
            found[os.path.join(here, name)] = (facts.st_mode, *times)
    return found


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    made = Rig(tmp_path_factory.mktemp("fuzz").resolve())
    yield made
    made.close()


lasting = settings(deadline=None, max_examples=160 * LONGER, suppress_health_check=list(HealthCheck), print_blob=True)


@lasting
@given(calls=st.lists(CALL, min_size=CALLS, max_size=CALLS))
def test_any_arguments_are_answered_in_words_and_nothing_else_happens(
    rig: Rig, calls: list[tuple[str, dict[str, Any]]]
) -> None:
    for tool, given_arguments in calls:
        result = rig.call(rig.registry, tool, given_arguments)
        assert "failed unexpectedly" not in result.content, (tool, str(given_arguments)[:2000])


def test_thousands_of_calls_put_together_by_chance_are_answered_in_words(rig: Rig) -> None:
    chance = random.Random(11)
    for _ in range(2000 * LONGER):
        tool = chance.choice(TOOLS)
        given_arguments = {name: chance.choice(POOLS[name]) for name in FITTING[tool] if chance.random() < 0.9}
        if tool in {"grep", "shell"} and chance.random() < 0.6:  # they start a program
            tool = "read_file"
        result = rig.call(rig.registry, tool, given_arguments)
        assert "failed unexpectedly" not in result.content, (tool, str(given_arguments)[:2000])


@settings(lasting, max_examples=30 * LONGER)
@given(calls=st.lists(DIRECT | UNKNOWN, min_size=CALLS, max_size=CALLS))
def test_the_worker_answers_what_no_registry_has_looked_at(rig: Rig, calls: list[tuple[str, dict[str, Any]]]) -> None:
    for tool, given_arguments in calls:
        rig.call(rig.branch, tool, given_arguments)


def test_a_call_longer_than_a_frame_is_refused_and_the_next_one_works(rig: Rig) -> None:
    result = rig.call(rig.registry, "write_file", {"path": "huge", "content": "x" * (65 << 20)})
    assert "the call cannot be sent" in result.content
    assert rig.call(rig.registry, "read_file", {"path": "folder/inner.txt"}).is_error is False
