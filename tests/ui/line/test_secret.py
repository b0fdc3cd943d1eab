import pytest

from py_mono.ui.line.secret import TypedKeys, held_secrets, key_line, masked


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("/key groq gsk_1", "/key groq ••••"),
        ("/key groq gsk_1 and more\nlines", "/key groq ••••"),
        ("/key\tgroq\tgsk_1", "/key\tgroq\t••••"),
        ("/key\ngroq\ngsk_1", "/key\ngroq\n••••"),
        ("/key gsk_1", "/key ••••"),
        ("/key sk-live", "/key ••••"),
        ("/key AIzaSy", "/key ••••"),
        ("/key groq=gsk_1", "/key ••••"),
        ("/key set groq gsk_1", "/key set groq ••••"),
        ("/key remove groq gsk_1", "/key remove groq ••••"),
        ("/key list gsk_1", "/key list ••••"),
    ],
)
def test_of_a_key_nothing_is_shown(line: str, shown: str) -> None:
    assert masked(line) == shown
    said = key_line(line)
    assert said is not None
    assert said.exact


@pytest.mark.parametrize(
    "line", ["/key", "/key ", "/key groq", "/key groq ", "/key list", "/key remove groq", "/key help"]
)
def test_where_no_key_is_all_of_it_is_shown(line: str) -> None:
    assert masked(line) == line


@pytest.mark.parametrize(
    "line",
    [
        " /key groq x1",
        "/ key groq x1",
        "/keys groq x1",
        "/KEY groq x1",
        "/Key groq x1",
        "/kye groq x1",
        "/ke groq x1",
        "\\key groq x1",
        "\uff0fkey groq x1",
        "\u200b/key groq x1",
        "/apikey groq x1",
        "/api-key groq x1",
        "/set_key groq x1",
        "key groq abcdefgh",
        "set key openai: abcdefgh",
    ],
)
def test_what_was_meant_to_be_the_command_shows_no_key_either(line: str) -> None:
    said = key_line(line)
    assert said is not None
    assert not said.exact
    assert masked(line) == line[: said.start] + "••••"
    assert masked(line).endswith(("groq ••••", "openai: ••••"))


@pytest.mark.parametrize(
    "line",
    [
        "keys to success are many",
        "the key groq abcdefgh is",
        "/keyboard groq x1",
        "/help me",
        "/bye now",
        "/model qwen",
        "/provider groq x1",
        "/etc/passwd is long",
        "key error in line 3",
        "",
    ],
)
def test_other_lines_are_other_lines(line: str) -> None:
    assert key_line(line) is None
    assert masked(line) == line


def test_a_later_line_that_is_the_command_is_masked_alone() -> None:
    assert masked("do this:\n/key groq gsk_1\nthen that") == "do this:\n/key groq ••••\nthen that"


def test_what_was_typed_as_a_key_stays_known_in_pieces() -> None:
    typed = TypedKeys()
    for end in range(1, 25):
        typed.watch(f"/key groq {'abcdefghijklmnopqrstuvwx'[:end]}", hidden=False)
    assert typed.pieces_in("see ijklmnop here")
    assert not typed.pieces_in("see ijklmno here")
    assert typed.start("xijklmnop", hidden=False) == 0
    assert typed.start("hello", hidden=False) == 5
    assert typed.start("any", hidden=True) == 0
    for number in range(20):
        typed.watch(f"{number:08d}", hidden=True)
    assert not typed.pieces_in("ijklmnop")


def test_the_kinds_of_secrets_are_said() -> None:
    assert held_secrets("use it", str) == []
    assert held_secrets("a b", lambda text: text.replace("a", "[redacted:groq-key]")) == ["groq-key"]
    assert held_secrets("[redacted:known] b", lambda text: text.replace("b", "[redacted:known]")) == ["known"]
