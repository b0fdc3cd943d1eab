from pathlib import Path

import pytest

from py_mono.ui.line.editor import EditorFailed, edit, editor


def script(folder: Path, name: str, body: str) -> Path:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
    return file


def test_the_editor_is_visual_then_editor_then_vi_then_nano(tmp_path: Path) -> None:
    for name in ("vi", "nano", "code"):
        script(tmp_path, name, "true")
    here = {"PATH": str(tmp_path)}
    assert editor({**here, "VISUAL": "code --wait 'a b'", "EDITOR": "nano"}) == ["code", "--wait", "a b"]
    assert editor({**here, "VISUAL": " ", "EDITOR": "nano"}) == ["nano"]
    assert editor(here) == [str(tmp_path / "vi")]
    (tmp_path / "vi").unlink()
    assert editor(here) == [str(tmp_path / "nano")]


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"EDITOR": "emax -nw"}, "EDITOR names an editor that is not here: emax -nw"),
        ({"VISUAL": "vi 'x"}, "VISUAL cannot be read (No closing quotation): vi 'x"),
        ({}, "There is no editor: neither vi nor nano is here. Name one with EDITOR=…"),
    ],
)
def test_an_editor_that_is_not_there_is_said(environment: dict[str, str], said: str) -> None:
    with pytest.raises(EditorFailed) as failed:
        editor({"PATH": "/nowhere", **environment})
    assert str(failed.value) == said


async def test_what_the_editor_makes_of_the_text_comes_back(tmp_path: Path) -> None:
    program = script(tmp_path, "ed", 'printf "%s|" "$1" >> "$2"; printf "more\\r\\n\\n" >> "$2"')
    assert await edit("typed ü\nhalf \ud800", [str(program), "--wait now"]) == "typed ü\nhalf ?\n--wait now|more"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("exit 3", "ended with status 3: the line is as it was"),
        ('rm "$1"', "cannot be read"),
        ('printf "\\377" > "$1"', "cannot be read"),
        ('head -c 5000001 /dev/zero > "$1"', "longer than 5 MB"),
    ],
)
async def test_an_editor_that_fails_is_said(tmp_path: Path, body: str, said: str) -> None:
    with pytest.raises(EditorFailed, match=said):
        await edit("typed", [str(script(tmp_path, "ed", body))])


async def test_an_editor_that_cannot_be_started_is_said(tmp_path: Path) -> None:
    (tmp_path / "ed").write_text("no program")
    with pytest.raises(EditorFailed, match="cannot be started: Permission denied"):
        await edit("typed", [str(tmp_path / "ed")])
