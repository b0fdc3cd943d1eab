from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.layout.controls import BufferControl
from prompt_toolkit.layout.processors import TransformationInput

from py_mono.ui.line.pastes import Pastes

LONG = "".join(f"line {number}\n" for number in range(120))


def test_a_long_paste_is_one_character_until_it_is_sent() -> None:
    pastes = Pastes()
    line = f"see {pastes.fold(LONG)} and {pastes.fold('y' * 5_000)}"
    assert len(line) == 11
    assert pastes.shown(line) == "see [pasted 120 lines] and [pasted 5,000 characters]"
    assert pastes.unfold(line) == f"see {LONG} and {'y' * 5_000}"


def test_a_short_paste_is_itself() -> None:
    assert Pastes().fold("a\nb") == "a\nb"


@given(st.lists(st.one_of(st.text(max_size=5), st.just(LONG), st.just("x" * 2_000), st.just("\U0010f000")), max_size=5))
def test_what_is_sent_is_what_was_typed_and_pasted(pieces: list[str]) -> None:
    pastes = Pastes()
    folded = [pastes.fold(piece) for piece in pieces if piece != "\U0010f000"]
    assert pastes.unfold("".join(folded)) == "".join(piece for piece in pieces if piece != "\U0010f000")


def test_a_character_that_stands_for_no_paste_is_itself() -> None:
    pastes = Pastes()
    assert pastes.unfold("\U0010f005") == pastes.shown("\U0010f005") == "\U0010f005"
    assert pastes.unfold(pastes.fold("\U0010f000" * 2_000)) == "\U0010f000" * 2_000


@given(st.lists(st.sampled_from(["文", "a", "PASTE"]), min_size=1, max_size=8))
def test_the_cursor_never_stands_within_a_label(parts: list[str]) -> None:
    pastes = Pastes()
    line = "".join(pastes.fold(LONG) if part == "PASTE" else part for part in parts)
    given_ = TransformationInput(BufferControl(Buffer()), Document(line), 0, lambda at: at, [("", line)], 80, 24)
    shown = pastes.apply_transformation(given_)
    assert "".join(fragment[1] for fragment in shown.fragments) == pastes.shown(line)
    assert [shown.display_to_source(shown.source_to_display(at)) for at in range(len(line) + 1)] == [
        *range(len(line) + 1)
    ]
