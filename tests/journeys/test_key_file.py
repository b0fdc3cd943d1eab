"""The key file beside a session of the real program: made, covered, kept from being made by others."""

import os
import subprocess
import time

import pytest

from tests.journeys.program import Program
from tests.journeys.test_keys import KEY, LIMIT_S, MASTER, OTHER, assert_no_key

LOOK = """\
call: shell
argument command: cat .keys.enc; grep -cas py-mono-keys .keys.enc; rm -f .keys.enc; mv .keys.enc k; env | grep MASTER; echo over
---
expect-result: over
expect-no-result: gAAAA
expect-no-result: appeared
expect-no-result: MASTER
text: Looked.
"""
WRITE = """\
call: shell {"command": "echo 2 >> f"}
---
text: Wrote.
"""


@pytest.fixture
def keyed(program: Program) -> Program:
    program.more = {"LLM_MASTER_KEY": MASTER}
    return program


def test_the_first_key_of_a_session_is_out_of_reach_of_its_next_command(keyed: Program) -> None:
    keyed.write({"f": "1\n"})
    lines = ["write", f"/key groq {KEY}", "look", "write", "/undo", f"/key openai {OTHER}", "look"]
    played = keyed.run(stdin="\n".join(lines).encode(), script=f"{WRITE}---\n{LOOK}---\n{WRITE}---\n{LOOK}")
    assert played.status == 0, played.stdout + played.stderr
    assert played.stdout.count("stored in .keys.enc, encrypted") == 2
    assert played.stdout.count("Looked.") == 2
    assert (keyed.workspace / "f").read_text() == "1\n2\n"
    listed = keyed.run("key", "list").stdout
    assert "groq    stored" in listed
    assert "openai  stored" in listed
    assert_no_key(played.stdout + played.stderr + listed)


def test_a_repository_that_is_made_after_the_keys_leaves_them_alone(keyed: Program) -> None:
    assert keyed.run("key", "set", "groq", stdin=KEY.encode()).status == 0
    git = ("git", "-C", str(keyed.workspace))
    subprocess.run([*git, "init", "-q"], check=True)
    keyed.script("text: ready")
    with subprocess.Popen(
        keyed.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=keyed.environment(), cwd=keyed.workspace
    ) as session:
        assert session.stdin
        until = time.monotonic() + 30
        status = b"?? .keys.enc\n"
        while b".keys.enc" in status and time.monotonic() < until:
            time.sleep(0.05)
            status = subprocess.run([*git, "status", "--short"], capture_output=True, check=True).stdout
        session.stdin.close()
    assert b".keys.enc" not in status


def test_no_key_file_is_made_from_outside_while_a_session_runs(keyed: Program) -> None:
    def store() -> "tuple[int, str]":
        played = keyed.run("key", "set", "groq", stdin=KEY.encode())
        return played.status, played.stderr

    keyed.script("text: ready")
    with subprocess.Popen(
        keyed.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=keyed.environment(), cwd=keyed.workspace
    ) as session:
        assert session.stdin
        assert session.stdout
        session.stdin.write(b"go\n")
        session.stdin.flush()
        said = b""
        while b"ready" not in said:
            piece = os.read(session.stdout.fileno(), 4096)
            assert piece, said
            said += piece
        status, told = store()
        assert (status, "another session of py-mono runs in this workspace" in told) == (2, True), told
        assert "/key" in told
        assert not (keyed.workspace / ".keys.enc").exists()
        session.kill()
    end = time.monotonic() + LIMIT_S
    while store()[0] and time.monotonic() < end:
        time.sleep(0.1)
    assert (keyed.workspace / ".keys.enc").exists()
    assert "groq  stored" in keyed.run("key", "list").stdout
