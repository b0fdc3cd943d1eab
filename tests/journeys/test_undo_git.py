"""A repository that a script removes comes back byte for byte; ``config.toml`` says what is not kept. The real program."""

import subprocess
from pathlib import Path

from tests.journeys.program import Program
from tests.sandbox.checkpoints.trees import snapshot

SCRIPT = """\
call: shell {"command": "rm -rf .git data && echo two > f"}
---
text: Changed.
"""


def git(folder: Path, *arguments: str) -> str:
    name = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    done = subprocess.run(["git", *name, *arguments], cwd=folder, capture_output=True, check=True, text=True)
    return done.stdout


def repository(folder: Path) -> None:
    git(folder, "init", "-q", ".")
    for number in range(3):
        (folder / "f").write_text(f"{number}\n", encoding="utf-8")
        git(folder, "add", "f")
        git(folder, "commit", "-q", "-m", f"{number}")
    git(folder, "repack", "-q", "-a", "-d")
    git(folder, "tag", "-a", "v1", "-m", "one")


def test_a_repository_that_a_script_removed_comes_back_byte_for_byte(program: Program) -> None:
    repository(program.workspace)
    before = snapshot(str(program.workspace))
    gone = program.run("change it", stdin=b"", script=SCRIPT)
    assert gone.status == 0
    assert set(snapshot(str(program.workspace))) == {"f"}
    undone = program.run("-c", stdin=b"/undo\n")
    assert "Turn 1 is undone." in undone.stdout + undone.stderr
    assert snapshot(str(program.workspace)) == before
    assert git(program.workspace, "fsck", "--strict") == ""
    assert git(program.workspace, "status", "--porcelain") == ""


def test_a_worktree_whose_git_is_a_file_comes_back_too(program: Program, tmp_path: Path) -> None:
    origin = tmp_path / "origin"
    origin.mkdir()
    repository(origin)
    program.workspace.rmdir()
    git(origin, "worktree", "add", "-q", str(program.workspace))
    before = snapshot(str(program.workspace))
    assert program.run("change it", script=SCRIPT).status == 0
    assert set(snapshot(str(program.workspace))) == {"f"}
    program.run("-c", stdin=b"/undo\n")
    assert snapshot(str(program.workspace)) == before
    assert git(program.workspace, "status", "--porcelain") == ""


def settings(program: Program, text: str) -> None:
    folder = program.home / "config"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(text, encoding="utf-8")


def test_what_the_settings_leave_out_stays_gone(program: Program) -> None:
    settings(program, '[checkpoints]\nleave_out = ["data"]\nmax_file_mb = 0.001\n')
    program.write({"data/x": "1", ".git/HEAD": "ref", "f": "one\n", "big": "x" * 2000})
    done = program.run("--output-format", "stream-json", "-p", "change it", script=SCRIPT)
    said = [event for event in done.events if event["type"] == "changes_committed"]
    assert "big (it is larger than 0.001 MB)" in said[0]["note"]
    program.run("-c", stdin=b"/undo\n")
    assert set(snapshot(str(program.workspace))) == {".git", ".git/HEAD", "f", "big"}
    assert (program.workspace / "f").read_text() == "one\n"


def test_settings_that_make_no_sense_are_refused_before_anything_runs(program: Program) -> None:
    settings(program, "[checkpoints]\nmax_file_size = 3\n")
    done = program.run("-p", "hello")
    assert done.status == 2
    assert done.stderr == (
        f"py-mono: {program.home}/config/config.toml: [checkpoints] has no key 'max_file_size'; did you mean max_file_mb?\n"
        "  mend it, or take the line out\n"
    )
    (program.home / "config" / "config.toml").write_text("[checkpoints\n", encoding="utf-8")
    assert "config.toml is no TOML: Expected ']'" in program.run("-p", "hello").stderr
    (program.home / "config" / "config.toml").write_text("[model]\nname = 1\n", encoding="utf-8")
    assert "has 'model'; there are [budget], [checkpoints], [fallback]" in program.run("sessions", "list").stderr
