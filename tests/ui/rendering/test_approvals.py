import io

from py_mono.protocol.approvals import ApprovalDecided, ApprovalRequested
from py_mono.protocol.events import Envelope, Event
from py_mono.ui.render import Renderer
from py_mono.ui.terminal import Screen


def shown(*events: Event) -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    view = Renderer(Screen(stream, {}, columns=60))
    for number, event in enumerate(events):
        view(Envelope(number + 1, 0.0, event))
    raw = stream.buffer
    assert isinstance(raw, io.BytesIO)
    return raw.getvalue().decode()


def test_a_question_shows_the_command_alone_on_its_lines_and_then_why() -> None:
    event = ApprovalRequested("1", "network", "git push\n\x1b[1A\x1b[2Kls", "it sends\x07")
    assert shown(event) == (
        "This cannot be undone, and needs your yes:\n| git push\n| \\x1b[1A\\x1b[2Kls\nwhy: it sends\\x07\n"
    )
    assert "look twice: it holds letters that are not ASCII" in shown(
        ApprovalRequested("1", "network", "g\u0456t", "x")
    )


def test_what_was_decided_is_one_line() -> None:
    assert shown(
        ApprovalDecided("1", "network", "git\npush", "once"),
        ApprovalDecided("1", "network", "git push", "always"),
        ApprovalDecided("1", "network", "git push", "rule"),
        ApprovalDecided("1", "network", "git push", "flag"),
        ApprovalDecided("1", "network", "git push", "denied", "not\nnow"),
        ApprovalDecided("1", "network", "x" * 100, "denied"),
    ) == (
        "approved: git push\napproved from now on: git push\napproved before: git push\napproved by --allow: git push\n"
        "not approved (not now): git push\nnot approved: " + "x" * 45 + "…\n"
    )
