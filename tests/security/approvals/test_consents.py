import stat
from pathlib import Path

import pytest

from py_mono.security.approvals.consents import Consents
from py_mono.security.approvals.folder import FOLDER


class Place:
    def __init__(self, base: Path) -> None:
        self.base = base
        self.workspace = base / "w"
        self.workspace.mkdir()

    def open(self, workspace: str = "w") -> Consents:
        return Consents(str(self.base / "state"), str(self.base / workspace))

    @property
    def files(self) -> list[Path]:
        return sorted((self.base / "state" / FOLDER).iterdir())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_yes_is_for_this_thing_with_this_content_in_this_workspace(place: Place) -> None:
    consents = place.open()
    assert not consents.agreed("env", ".env", "d1")
    consents.agree("env", ".env", "d1")
    assert place.open().agreed("env", ".env", "d1")
    for other in (("env", ".env", "d2"), ("mcp", ".env", "d1"), ("env", ".env.local", "d1"), ("env", ".envd", "1")):
        assert not consents.agreed(*other), other
    (place.base / "v").mkdir()
    assert not place.open("v").agreed("env", ".env", "d1")
    place.workspace.rename(place.base / "gone")
    place.workspace.mkdir()
    assert not place.open().agreed("env", ".env", "d1")


def test_a_no_is_remembered_and_is_no_yes(place: Place) -> None:
    consents = place.open()
    consents.refuse("env", ".env", "d1")
    assert consents.refused("env", ".env", "d1")
    assert not consents.agreed("env", ".env", "d1")
    assert not consents.refused("env", ".env", "d2")
    consents.agree("env", ".env", "d1")
    assert consents.agreed("env", ".env", "d1")


def test_all_that_was_said_can_be_seen_and_forgotten(place: Place) -> None:
    consents = place.open()
    assert consents.known() == []
    consents.agree("env", ".env", "d1")
    consents.refuse("env", ".env", "d2")
    consents.agree("mcp", "bytes \udcff", "d1")
    assert consents.known() == [("env", ".env", False), ("env", ".env", True), ("mcp", "bytes \udcff", True)]
    consents.forget("env", ".env")
    assert consents.known() == [("mcp", "bytes \udcff", True)]
    assert not consents.agreed("env", ".env", "d1")
    consents.forget("env", ".env")


def test_only_their_owner_can_read_them_and_what_is_damaged_agrees_to_nothing(place: Place) -> None:
    consents = place.open()
    consents.agree("env", ".env", "d1")
    (path,) = place.files
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for damage in (b"", b"agree", b"\xff", b"refused\nagreed"):
        path.write_bytes(damage)
        assert not consents.agreed("env", ".env", "d1"), damage
        assert consents.known() == []
    path.unlink()
    real = place.base / "elsewhere"
    real.write_text("agreed\nenv\n.env")
    path.symlink_to(real)
    assert not consents.agreed("env", ".env", "d1")
