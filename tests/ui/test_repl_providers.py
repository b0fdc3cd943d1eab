"""Providers in a real terminal: models complete once they are listed, and a message may say who answers it."""

from tests.ui.screens import Start, Terminal


def ended(terminal: Terminal, turns: int) -> None:
    """Wait for so many turns to be over: what is typed before that steers the one that runs."""
    terminal.wait(lambda: terminal.text().count("done · ") == turns, f"the end of turn {turns}")


def test_models_complete_though_they_have_to_be_listed_first(start: Start) -> None:
    terminal = start()
    terminal.type("/provider other ")
    terminal.wait_for("slow:70b")  # in the menu
    terminal.type("s\t")
    terminal.wait_input("> /provider other slow:70b")
    terminal.type("\r\r")  # take it, send it
    terminal.wait_for("Switched provider to FakeProvider (other) using model 'slow:70b'.")
    terminal.type("/model qui\t")
    terminal.wait_for("quiet:1b")


def test_a_message_says_who_answers_it_and_the_next_is_answered_as_before(start: Start) -> None:
    terminal = start()
    terminal.say("use other quick:8b just for this task: hello")
    terminal.wait_for("you said [other quick:8b] hello")
    ended(terminal, 1)
    terminal.say("and again")
    terminal.wait_for("you said and again")
    ended(terminal, 2)
    terminal.say("use other just for this task")
    terminal.wait_for("usual (other) answers your next message; then none (fake) again.")
    terminal.say("good day")
    terminal.wait_for("you said [other usual] good day")
    ended(terminal, 3)
    terminal.say("use locked just for this task: psst")
    terminal.wait_for("Nothing was sent.")
    assert "you said psst" not in terminal.text()


def test_nothing_of_that_steers_a_turn_that_runs(start: Start) -> None:
    terminal = start()
    terminal.say("slow work")
    terminal.wait_for("open line")
    terminal.say("use other just for this task: look")
    terminal.wait_for("A turn is running, and goes on as it began")
    terminal.say("/provider other")
    terminal.wait_for("A turn is running: press Esc first, then /provider.")
    terminal.type("\x1b")
    terminal.wait_for("interrupted · 1 step")
    terminal.say("/provider")
    terminal.wait_for("Active model: none")
