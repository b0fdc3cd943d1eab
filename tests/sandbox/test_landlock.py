import os
from collections.abc import Callable
from pathlib import Path

import pytest

from py_mono.sandbox import kernel, landlock


def in_child(action: Callable[[], str]) -> str:
    """What an action says that confines the process it runs in for good."""
    answer, question = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            kernel.prctl("no_new_privs", kernel.PR_SET_NO_NEW_PRIVS, 1)
            os.write(question, action().encode())
        except OSError as error:
            os.write(question, f"{error.strerror}".encode())
        finally:
            os._exit(0)
    os.close(question)
    with open(answer) as file:
        said = file.read()
    os.waitpid(child, 0)
    return said


def outcome(action: Callable[[], object]) -> str:
    try:
        action()
    except OSError as error:
        return error.strerror or "failed"
    return "done"


@pytest.mark.parametrize("version", range(1, landlock.abi() + 1))
def test_each_version_reads_and_writes_where_it_may_and_nowhere_else(version: int, tmp_path: Path) -> None:
    (tmp_path / "ro").mkdir()
    (tmp_path / "rw").mkdir()
    for name in ("ro/a", "rw/a", "closed"):
        (tmp_path / name).write_text("")

    def confined() -> str:
        rules = [
            (str(tmp_path / "ro"), landlock.READ),
            (str(tmp_path / "rw"), landlock.WRITE),
            ("/missing", landlock.READ),
        ]
        landlock.restrict(rules, version=version, deny_tcp=True)
        return " ".join([
            outcome((tmp_path / "ro/a").read_text), outcome(lambda: (tmp_path / "ro/a").write_text("")),
            outcome(lambda: (tmp_path / "rw/b").write_text("")), outcome((tmp_path / "rw/a").unlink),
            outcome((tmp_path / "closed").read_text), outcome(lambda: os.listdir("/")),
        ])  # fmt: skip

    denied = "Permission denied"
    assert in_child(confined) == f"done {denied} done done {denied} {denied}"


def test_a_rule_may_name_a_single_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")

    def confined() -> str:
        landlock.restrict([(str(tmp_path / "a"), landlock.WRITE)], version=landlock.abi(), deny_tcp=False)
        return outcome(lambda: (tmp_path / "a").write_text("x")) + outcome(lambda: (tmp_path / "b").write_text("x"))

    assert in_child(confined) == "donePermission denied"


def test_a_second_domain_for_signals_takes_no_files_away(tmp_path: Path) -> None:
    def confined() -> str:
        scoped = landlock.scope_signals()
        (tmp_path / "a").write_text("x")
        return f"{scoped} {outcome(lambda: os.kill(os.getppid(), 0))}"

    assert in_child(confined) == (
        "True Operation not permitted" if landlock.abi() >= landlock.SCOPE_ABI else "False done"
    )
