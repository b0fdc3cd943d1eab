from py_mono.protocol.events import Envelope, Event, SessionStarted, TurnStarted
from py_mono.protocol.messages import UserMessage
from py_mono.ui.banner import banner
from tests.ui.repl_program import FakeApp, fake_app


def lines(*facts: Event) -> list[str]:
    app, _ = fake_app()
    assert isinstance(app, FakeApp)
    app.past = tuple(Envelope(number, 0.0, fact) for number, fact in enumerate(facts, 1))
    return banner(app).splitlines()


def test_a_new_session_is_not_said_to_go_on() -> None:
    shown = lines()
    assert shown[0].startswith("py-mono 0 · fake none · ")
    assert shown[1:] == ["/help shows what there is"]


def test_a_session_that_goes_on_is_named_with_its_turns_and_how_it_began() -> None:
    start = SessionStarted("1ng6", "/w", "0")
    turns = [TurnStarted(1, UserMessage("fix\nit \x1b[2J")), TurnStarted(2, UserMessage("more"))]
    assert lines(start, *turns)[1] == 'goes on with 1ng6: 2 turns, "fix it"'
    assert lines(start, turns[0])[1] == 'goes on with 1ng6: 1 turn, "fix it"'
    assert lines(start)[1] == "goes on with 1ng6: 0 turns"


def test_a_copy_names_what_it_is_a_copy_of() -> None:
    assert lines(SessionStarted("new", "/w", "0", "old"))[1] == "goes on with new (a copy of old): 0 turns"
