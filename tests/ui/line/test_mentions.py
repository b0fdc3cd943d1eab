from pathlib import Path

import pytest

from py_mono.ui.line.mentions import spelled_out, written


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("fix @src/a.py", "fix src/a.py"),
        ("@src/a.py, please (@b)", "src/a.py, please (b)"),
        ('see @"a b.py" now', 'see "a b.py" now'),
        ("mail me@b or @nobody", "mail me@b or @nobody"),
        ("@src/ and @../x and @/etc/passwd", "src/ and @../x and @/etc/passwd"),
        ('@"never closed', '@"never closed'),
        ("@a\0b", "@a\0b"),
        ("no mention", "no mention"),
        ("@", "@"),
    ],
)
def test_a_mentioned_file_is_its_path_for_the_model(tmp_path: Path, text: str, sent: str) -> None:
    (tmp_path / "src").mkdir()
    for name in ("src/a.py", "b", "a b.py"):
        (tmp_path / name).write_text("")
    (tmp_path.parent / "x").write_text("")
    assert spelled_out(text, str(tmp_path)) == sent


@pytest.mark.parametrize(
    ("path", "mention"), [("a.py", "@a.py"), ("a b.py", '@"a b.py"'), ('a" b', ""), ('a"b', ""), ("ü/文", "@ü/文")]
)
def test_a_path_with_blanks_is_quoted(path: str, mention: str) -> None:
    assert written(path) == mention
