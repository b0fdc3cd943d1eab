import json
import multiprocessing
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from py_mono.security.approvals.rules import Rule, Rules


class Book:
    """The rules of a workspace, and what was said about them."""

    def __init__(self, base: Path, workspace: str = "w") -> None:
        self.said: list[str] = []
        self.folder = base / "state"
        (base / workspace).mkdir(exist_ok=True)
        self.workspace = base / workspace

    def open(self) -> Rules:
        return Rules(str(self.folder), str(self.workspace), notice=self.said.append, clock=lambda: 7.0)

    @property
    def files(self) -> list[Path]:
        return sorted((self.folder / "approvals").iterdir())


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path)


def test_what_is_agreed_to_for_ever_is_known_to_later_sessions_and_to_those_beside(book: Book) -> None:
    first, beside = book.open(), book.open()
    assert not beside.cover(["git push"])
    first.remember(["git push", "pip install"], session_only=False)
    for rules in (first, beside, book.open()):
        assert rules.rules == (Rule("git push", 7.0), Rule("pip install", 7.0))
        assert rules.cover(["git push", "pip install"])
        assert not rules.cover(["git push", "curl a"])
    beside.remember(["curl a"], session_only=False)
    assert first.cover(["git push", "curl a"])


def test_what_is_agreed_to_for_a_session_is_kept_nowhere(book: Book) -> None:
    rules = book.open()
    rules.remember(["git push"], session_only=True)
    assert rules.cover(["git push"])
    assert rules.session == ("git push",)
    assert not book.open().cover(["git push"])
    assert not book.folder.exists()


def test_what_is_forgotten_is_asked_about_again_also_in_a_session_beside(book: Book) -> None:
    first, beside = book.open(), book.open()
    first.remember(["a", "b"], session_only=False)
    beside.forget("a")
    assert not beside.cover(["a"])
    assert first.rules == (Rule("b", 7.0),)


def test_rules_belong_to_one_folder_and_not_to_another_one_at_its_place(book: Book) -> None:
    book.open().remember(["a"], session_only=False)
    assert not Book(book.folder.parent, "other").open().cover(["a"])
    linked = book.workspace.parent / "link"
    linked.symlink_to(book.workspace)
    assert Rules(str(book.folder), str(linked), notice=print, clock=lambda: 0.0).cover(["a"])
    book.workspace.rename(book.workspace.parent / "moved")
    book.workspace.mkdir()
    assert not book.open().cover(["a"])


def test_only_their_owner_can_read_them(book: Book) -> None:
    book.open().remember(["a"], session_only=False)
    assert {stat.S_IMODE(path.stat().st_mode) for path in book.files} == {0o600}
    assert stat.S_IMODE((book.folder / "approvals").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b'{"rules": 1}', b"\xff\xfe", b'{"workspace": "x", "rules": [{"key": 1}]}']
)
def test_a_damaged_file_is_set_aside_and_said_and_agrees_to_nothing(book: Book, damage: bytes) -> None:
    book.open().remember(["a"], session_only=False)
    (path,) = [path for path in book.files if path.suffix == ".json"]
    path.write_bytes(damage)
    rules = book.open()
    assert not rules.cover(["a"])
    rules.remember(["b"], session_only=False)
    assert book.open().rules == (Rule("b", 7.0),)
    kept = [path.read_bytes() for path in book.files if ".damaged-" in path.name]
    assert kept == [damage]
    assert len(book.said) == 1
    assert "is damaged" in book.said[0]


def test_a_file_of_another_workspace_or_version_agrees_to_nothing(book: Book) -> None:
    book.open().remember(["a"], session_only=False)
    (path,) = [path for path in book.files if path.suffix == ".json"]
    right = json.loads(path.read_bytes())
    for wrong in ({**right, "workspace": "/elsewhere"}, {**right, "version": 2}):
        path.write_text(json.dumps(wrong))
        assert not book.open().cover(["a"])
    path.write_text(json.dumps(right))
    assert book.open().cover(["a"])


def test_where_nothing_can_be_kept_an_agreement_holds_for_the_session_and_that_is_said(book: Book) -> None:
    book.folder.write_text("in the way")
    rules = book.open()
    rules.remember(["a"], session_only=False)
    assert rules.cover(["a"])
    assert "holds for this session only" in book.said[0]


def agree(base: Path, number: int) -> None:
    Book(base).open().remember([f"key {number}"], session_only=False)


def test_sessions_that_agree_at_the_same_time_lose_nothing(book: Book) -> None:
    with multiprocessing.get_context("fork").Pool(4) as pool:
        pool.starmap(agree, [(book.folder.parent, number) for number in range(24)])
    assert {rule.key for rule in book.open().rules} == {f"key {number}" for number in range(24)}
    assert [path.suffix for path in book.files] == [".json", ".lock"]


@given(st.lists(st.tuples(st.sampled_from("rsf"), st.sampled_from("abc")), max_size=12))
@settings(max_examples=30, deadline=None)
def test_what_is_covered_is_what_was_agreed_to_and_not_forgotten(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str]]
) -> None:
    book = Book(tmp_path_factory.mktemp("b"))
    rules = book.open()
    kept: set[str] = set()
    session: set[str] = set()
    for step, key in steps:
        match step:
            case "r":
                rules.remember([key], session_only=False)
                kept.add(key)
            case "s":
                rules.remember([key], session_only=True)
                session.add(key)
            case _:
                rules.forget(key)
                kept.discard(key)
                session.discard(key)
        assert {key for key in "abc" if rules.cover([key])} == kept | session
        assert {key for key in "abc" if book.open().cover([key])} == kept


def test_a_link_in_place_of_the_file_is_not_written_through(book: Book) -> None:
    book.open().remember(["a"], session_only=False)
    (path,) = [path for path in book.files if path.suffix == ".json"]
    victim = book.folder / "victim"
    victim.write_text("mine")
    os.unlink(path)
    path.symlink_to(victim)
    book.open().remember(["b"], session_only=False)
    assert not path.is_symlink()
    assert book.open().cover(["b"])
