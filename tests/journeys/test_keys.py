"""Keys of providers, from the command line and in sessions: the real program, and nowhere a character of a key."""

import os
import re
import stat
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect
import pytest
from inline_snapshot import snapshot

from tests.journeys.program import Program
from tests.servers import fake_openai
from tests.servers.fake_openai import FakeOpenAI

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "gsk_Zk3vQ9xW7hT2mB5nC8pL4rY6"
OTHER = "gsk_Aa1Bb2Cc3Dd4Ee5Ff6Gg7Hh8"
MASTER = "wQ1eRt2yUi3oPa4sDf5gHj6kLz7xCv8bNm9qWe0rTyU="
LIMIT_S = 30
ROOT = Path(__file__).parents[2]


@pytest.fixture
def keyed(program: Program) -> Program:
    program.more = {"LLM_MASTER_KEY": MASTER}
    return program


def assert_no_key(text: str, *keys: str) -> None:
    pieces = [key[at : at + 8] for key in keys or (KEY, OTHER, MASTER) for at in range(len(key) - 7)]
    assert [piece for piece in pieces if piece in text] == []


def test_a_key_is_set_listed_removed_and_encrypted_anew(keyed: Program) -> None:
    said = []
    for arguments, stdin in (
        (("list",), b""),
        (("set", "groq"), f"{KEY}\nmore\n".encode()),
        (("set", "openai"), f"\ufeff {OTHER} \r\n".encode()),
        (("list",), b""),
        (("rotate",), b""),
        (("remove", "groq"), b""),
        (("remove", "groq"), b""),
        (("list",), b""),
    ):
        played = keyed.run("key", *arguments, stdin=stdin, OPENAI_API_KEY="x" * 30, LLM_PROVIDER="nonsense")
        said.append((*arguments, played.status, played.stdout + played.stderr))
        assert_no_key(played.stdout + played.stderr)
    assert said == snapshot(
        [
            ("list", 0, "openai  environment variable OPENAI_API_KEY\n"),
            ("set", "groq", 0, "The key for groq is stored in .keys.enc, encrypted.\n"),
            (
                "set",
                "openai",
                0,
                "The key for openai is stored in .keys.enc, encrypted. It is used in place of the one in OPENAI_API_KEY.\n",
            ),
            (
                "list",
                0,
                """\
groq    stored in .keys.enc
openai  stored in .keys.enc; not used: environment variable OPENAI_API_KEY
""",
            ),
            (
                "rotate",
                0,
                "All 2 stored keys are encrypted anew, with LLM_MASTER_KEY as it is now. LLM_MASTER_KEY_OLD is no longer needed.\n",
            ),
            ("remove", "groq", 0, "The stored key for groq is removed.\n"),
            ("remove", "groq", 0, "No key for groq is stored.\n"),
            ("list", 0, "openai  stored in .keys.enc; not used: environment variable OPENAI_API_KEY\n"),
        ]
    )
    file = keyed.workspace / ".keys.enc"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert_no_key(file.read_text())


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (("set", "groq", KEY), b"", "ps and the shell's history show it"),
        (("set", "groq", "--key", KEY), b"", "ps and the shell's history show it"),
        (("set", f"groq={KEY}"), b"", "it is not repeated here"),
        (("set", KEY), b"x", "it is not repeated here"),
        (("remove", KEY), b"", "it is not repeated here"),
        ((KEY,), b"", "say one of set, list, remove, rotate"),
        (("set", "groq"), b"", "no key was given"),
        (("set", "groq"), b"x" * 10_000, "longer than any"),
        (("set", "groq"), b"\xff\xfe\x00", "no text"),
        (("set", "groq"), b"two words", "a character that no key has"),
        (("set", "ollama"), b"x", "takes no key"),
        (("set", "litellm"), b"x", "name the cloud"),
        (("set", "bedrock"), b"x", "more than one key"),
        (("set", "claude"), b"x", "is it anthropic?"),
        (("set", "grop"), b"x", "is it groq?"),
        (("list", "-C", "/nowhere"), b"", "does not exist"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_stored(
    keyed: Program, arguments: tuple[str, ...], stdin: bytes, said: str
) -> None:
    played = keyed.run("key", *arguments, stdin=stdin)
    assert (played.status, played.stdout) == (2, "")
    assert said in played.stderr
    assert_no_key(played.stderr)
    assert not (keyed.workspace / ".keys.enc").exists()


def test_help_is_a_twin_too(keyed: Program) -> None:
    played = keyed.run("key", "help")
    assert (played.status, played.stderr) == (0, "")
    assert played.stdout.startswith("usage: py-mono key set PROVIDER")


def test_without_the_master_key_nothing_is_stored_and_the_environment_still_listed(keyed: Program) -> None:
    assert keyed.run("key", "set", "groq", stdin=KEY.encode()).status == 0
    before = (keyed.workspace / ".keys.enc").read_bytes()
    for wrong in ("", "another passphrase"):
        played = keyed.run("key", "list", OPENAI_API_KEY=OTHER, LLM_MASTER_KEY=wrong)
        assert played.status == 2
        assert played.stdout == "openai  environment variable OPENAI_API_KEY\n"
        assert "LLM_MASTER_KEY" in played.stderr
        assert keyed.run("key", "set", "openai", stdin=OTHER.encode(), LLM_MASTER_KEY=wrong).status == 2
    assert (keyed.workspace / ".keys.enc").read_bytes() == before


def test_at_a_terminal_the_key_is_asked_for_and_not_shown(keyed: Program) -> None:
    child = pexpect.spawn(
        keyed.command()[0],
        ["key", "set", "groq"],
        cwd=str(keyed.workspace),
        env=keyed.environment(TERM="xterm"),
        encoding="utf-8",
        timeout=LIMIT_S,
        use_poll=True,
    )
    child.expect("The key for groq")
    child.sendline(KEY)
    child.expect("is stored in .keys.enc, encrypted.")
    shown = str(child.before)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert_no_key(shown)


def test_a_session_takes_a_new_key_at_once(keyed: Program) -> None:
    with FakeOpenAI([fake_openai.say("one"), fake_openai.say("two"), fake_openai.say("three")]) as server:
        lines = ["first", f"/key groq {KEY}", "second", "/key list", f"/key groq {OTHER}", "third", "/key remove groq"]
        played = keyed.run(
            *("--provider", "litellm", "-m", "groq/m"),
            stdin="\n".join(lines).encode(),
            GROQ_API_KEY="gsk_from_the_environment_1",
            GROQ_BASE_URL=server.url,
        )
        sent = [request.headers["authorization"] for request in server.chats]
    assert sent == ["Bearer gsk_from_the_environment_1", f"Bearer {KEY}", f"Bearer {OTHER}"]
    assert played.status == 0, played.stderr
    assert "The key for groq is stored in .keys.enc, encrypted. It is used in place of" in played.stdout
    assert "groq  stored in .keys.enc; not used: environment variable GROQ_API_KEY" in played.stdout
    assert "The stored key for groq is removed. The one in GROQ_API_KEY is used now." in played.stdout
    assert_no_key(played.stdout + played.stderr)
    for path in (*keyed.home.rglob("*"), *keyed.workspace.rglob("*")):
        if path.is_file():
            assert_no_key(path.read_text(encoding="utf-8", errors="replace"))


def test_who_stands_in_takes_a_new_key_at_once_too(keyed: Program) -> None:
    with FakeOpenAI([fake_openai.say("one"), fake_openai.say("two")]) as server:
        played = keyed.run(
            *("--provider", "ollama", "-m", "m"),
            stdin="\n".join(["first", f"/key groq {KEY}", "second"]).encode(),
            OLLAMA_BASE_URL="http://127.0.0.1:9",
            LLM_FALLBACK="groq/m",
            GROQ_API_KEY="gsk_from_the_environment_1",
            GROQ_BASE_URL=server.url,
        )
        sent = [request.headers["authorization"] for request in server.chats]
    assert sent == ["Bearer gsk_from_the_environment_1", f"Bearer {KEY}"], played.stdout + played.stderr


def test_one_shot_sends_no_key_to_the_model(keyed: Program) -> None:
    played = keyed.run("-p", stdin=f"/key groq {KEY}".encode())
    assert played.status == 2
    assert "store a key with: py-mono key set PROVIDER" in played.stderr
    played = keyed.run("-p", f" /key groq {KEY}")
    assert played.status == 2
    assert "ps and the shell's history show it" in played.stderr
    assert_no_key(played.stderr)


CRASH = """
import os, sys, threading
import py_mono.config
one, two, three = (os.environ[name] for name in ("ONE_KEY", "TWO_KEY", "THREE_KEY"))
def fail():
    raise ValueError(two)
def read(*_):
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    raise RuntimeError({"authorization": f"Bearer {one}"}) from OSError(f"{two} {three}")
py_mono.config.read = read
import py_mono.main
sys.argv = ["py-mono", "-p", "go"]
py_mono.main.main()
"""


def test_a_crash_shows_no_key(tmp_path: Path) -> None:
    (tmp_path / "crash.py").write_text(CRASH)
    done = subprocess.run(
        [sys.executable, "crash.py"],
        env={
            "PATH": os.environ["PATH"],
            "ONE_KEY": KEY,
            "TWO_KEY": OTHER,
            "THREE_KEY": MASTER,
            "PYTHONPATH": str(ROOT),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert done.returncode == 1
    assert "RuntimeError: {'authorization': 'Bearer [redacted:" in done.stderr
    assert "ValueError: [redacted:" in done.stderr
    assert_no_key(done.stderr + done.stdout)


def processes(root: int) -> dict[int, tuple[str, str]]:
    """The command lines and environments of a process and of all that it started, as far as they can be read."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found: dict[int, tuple[str, str]] = {}
    todo = [root]
    while todo:
        pid = todo.pop()
        todo += [child for child, parent in parents.items() if parent == pid]
        try:
            command = Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
        except OSError:
            continue
        try:
            environment = Path(f"/proc/{pid}/environ").read_text(errors="replace")
        except OSError:
            environment = ""
        found[pid] = (command, environment)
    return found


@contextmanager
def running(program: Program, **environment: str) -> "Iterator[pexpect.spawn[str]]":
    child = pexpect.spawn(
        program.command()[0],
        cwd=str(program.workspace),
        env=program.environment(TERM="xterm-256color", LANG="C.UTF-8", **environment),
        dimensions=(40, 100),
        encoding="utf-8",
        timeout=LIMIT_S,
        use_poll=True,
    )
    try:
        yield child
    finally:
        child.close(force=True)


@pytest.mark.timeout(120)
def test_ps_shows_no_key_while_a_session_with_keys_runs(keyed: Program) -> None:
    keyed.script('call: shell {"command": "echo > begun; sleep 301"}\n---\ntext: ok\n')
    shown = []
    with running(keyed, OPENAI_API_KEY=OTHER) as child:
        child.expect("/help")
        child.send("/key groq\r")
        child.expect("Esc gives up")
        time.sleep(0.2)
        child.send(f"{KEY}\r")
        child.expect("is stored in .keys.enc")
        child.send("/key list\r")
        child.expect("environment variable OPENAI_API_KEY")
        child.send("go\r")
        end = time.monotonic() + LIMIT_S
        while not (keyed.workspace / "begun").exists() and time.monotonic() < end:
            child.expect([pexpect.TIMEOUT, "."], timeout=0.05)
        assert (keyed.workspace / "begun").exists()
        assert child.pid is not None
        found = processes(child.pid)
        assert any("sleep" in command for command, _ in found.values())
        for pid, (command, environment) in found.items():
            assert_no_key(command)
            if pid != child.pid:  # whose own environment is where the person put them
                assert_no_key(environment)
        child.send("\x03")
        child.expect("interrupted")
        shown.append(str(child.before))
        child.send("\x04")
        child.expect(pexpect.EOF)
        shown.append(str(child.before))
    assert_no_key(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", "".join(shown)))
