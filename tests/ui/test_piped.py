import pytest

from py_mono.protocol.errors import ConfigError
from py_mono.ui.piped import STDIN_LIMIT, combine


@pytest.mark.parametrize(
    ("prompt", "piped", "expected"),
    [
        ("explain", b"", "explain"),
        (" explain\n", b"\n \n", "explain"),
        (None, b"do it\n", "do it"),
        ("", b"\xef\xbb\xbfdo it\r\n", "do it"),
        ("explain", b"a\n  b\n", "explain\n\n<stdin>\na\n  b\n</stdin>"),
        ("explain", "größer".encode(), "explain\n\n<stdin>\ngrößer\n</stdin>"),
        ("x", b"a" * STDIN_LIMIT, "x\n\n<stdin>\n" + "a" * STDIN_LIMIT + "\n</stdin>"),
    ],
)
def test_the_prompt_is_the_instruction_and_stdin_its_context(prompt: str | None, piped: bytes, expected: str) -> None:
    assert combine(prompt, piped) == expected


@pytest.mark.parametrize(
    ("prompt", "piped", "message"),
    [
        ("x", b"a" * (STDIN_LIMIT + 1), "stdin holds more than 1,000 kB"),
        ("x", b"\x7fELF\0", "stdin is binary, not text"),
        ("x", b"gr\xf6\xdfer", "stdin is not UTF-8 text (byte 3)"),
        (None, b" \n", "there is no prompt"),
        ("", b"", "there is no prompt"),
    ],
)
def test_what_is_no_text_is_refused(prompt: str | None, piped: bytes, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        combine(prompt, piped)
    assert str(refused.value) == message
    assert refused.value.remedy
