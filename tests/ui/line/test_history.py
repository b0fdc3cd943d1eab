import multiprocessing
from pathlib import Path

import pytest

from py_mono.ui.line.history import LineHistory


def lines(file: Path) -> list[str]:
    return list(LineHistory(str(file)).load_history_strings())


def test_lines_come_back_newest_first_and_whole(tmp_path: Path) -> None:
    history = LineHistory(str(tmp_path / "new" / "history"))
    for text in ("one", "two\nlines\n\n+more", "ü文", "half \ud800"):
        history.append_string(text)
    assert lines(tmp_path / "new" / "history") == ["half ?", "ü文", "two\nlines\n\n+more", "one"]
    assert (tmp_path / "new" / "history").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "line", ["/key groq gsk_x", "  /key groq gsk_x", "/key\tgroq gsk_x", "/key\ngroq gsk_x", "do\n/keys groq gsk_x"]
)
def test_a_line_with_a_key_is_kept_nowhere(tmp_path: Path, line: str) -> None:
    history = LineHistory(str(tmp_path / "history"))
    history.append_string(line)
    history.append_string("/keyboard is something else")
    assert lines(tmp_path / "history") == history.get_strings() == ["/keyboard is something else"]


def test_a_secret_in_a_line_is_not_written(tmp_path: Path) -> None:
    history = LineHistory(str(tmp_path / "history"), redact=lambda text: text.replace("sk-123", "[secret]"))
    history.append_string("use sk-123")
    assert lines(tmp_path / "history") == ["use [secret]"]
    assert history.get_strings() == ["use sk-123"]


def test_the_same_line_again_is_kept_once(tmp_path: Path) -> None:
    history = LineHistory(str(tmp_path / "history"))
    for text in ("a", "a", "b", "a"):
        history.append_string(text)
    assert lines(tmp_path / "history") == ["a", "b", "a"]


def test_a_paste_is_written_in_full_and_a_long_one_not_at_all(tmp_path: Path) -> None:
    history = LineHistory(
        str(tmp_path / "history"), whole=lambda text: text.replace("?", "x\ny").replace("!", "z" * 20_000)
    )
    history.append_string("see ?")
    history.append_string("see !")
    assert lines(tmp_path / "history") == ["see x\ny"]


def _type(file: str, name: str) -> None:
    history = LineHistory(file)
    for number in range(200):
        history.append_string(f"{name} {number}\nsecond line")


def test_sessions_side_by_side_lose_nothing(tmp_path: Path) -> None:
    file = str(tmp_path / "history")
    typing = [multiprocessing.get_context("fork").Process(target=_type, args=(file, name)) for name in "abc"]
    for process in typing:
        process.start()
    for process in typing:
        process.join()
    found = lines(tmp_path / "history")
    assert sorted(found) == sorted(f"{name} {number}\nsecond line" for name in "abc" for number in range(200))


def test_a_file_grown_too_long_is_cut_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "history"
    file.write_text("".join(f"\n# \n+line {number} {'x' * 100}\n" for number in range(20_000)))
    found = lines(file)
    assert file.stat().st_size < 300_001
    assert [line.split()[1] for line in found[:2]] == ["19999", "19998"]
    assert lines(file) == found


def test_bytes_that_are_no_history_are_no_lines(tmp_path: Path) -> None:
    (tmp_path / "history").write_bytes(b"\xff\0nonsense\n+kept \xff\nrubbish\n+too")
    assert lines(tmp_path / "history") == ["too", "kept \ufffd"]
    (tmp_path / "history").unlink()
    (tmp_path / "history").symlink_to(tmp_path / "elsewhere")
    LineHistory(str(tmp_path / "history")).append_string("not through a link")
    assert not (tmp_path / "elsewhere").exists()
