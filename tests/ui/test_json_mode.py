import io
import json
import os
import sys
from typing import get_args

import pytest

from py_mono.protocol.approvals import ApprovalDecided
from py_mono.protocol.attempts import AttemptFailed
from py_mono.protocol.changes import ChangesStaged
from py_mono.protocol.codec import decode_envelope
from py_mono.protocol.events import (
    Envelope,
    ErrorInfo,
    Event,
    MessageFinished,
    StepStarted,
    TextDelta,
    TurnFinished,
    TurnStarted,
    TurnStop,
)
from py_mono.protocol.messages import AssistantMessage, Usage, UserMessage
from py_mono.protocol.tools import Change
from py_mono.ui.json_mode import EventLines, TurnRecord, denial, error_status, exit_status, print_object, result_object
from py_mono.ui.output import Output


def test_every_way_a_turn_ends_has_its_status() -> None:
    statuses = {stop: exit_status(TurnFinished(stop, Usage(), 1)) for stop in get_args(TurnStop)}
    assert statuses == {
        "end": 0,
        "cancelled": 130,
        "max_steps": 3,
        "max_tokens": 3,
        "max_budget": 3,
        "repeated_calls": 3,
        "length": 3,
        "error": 1,
    }


@pytest.mark.parametrize(
    ("kind", "status"),
    [("config", 2), ("needs_approval", 4), ("provider_unavailable", 75), ("rate_limited", 75), ("bad_response", 1)],
)
def test_an_error_has_the_status_of_its_kind(kind: str, status: int) -> None:
    assert exit_status(TurnFinished("error", Usage(), 1, ErrorInfo(kind, "x"))) == status
    assert error_status(kind) == status


def test_what_was_denied_outdoes_only_a_turn_that_went_well() -> None:
    denied = [ApprovalDecided("1", "network", "git push", "denied", "no")]
    statuses = {stop: exit_status(TurnFinished(stop, Usage(), 1), denied) for stop in get_args(TurnStop)}
    plain = {stop: exit_status(TurnFinished(stop, Usage(), 1)) for stop in get_args(TurnStop)}
    assert statuses == {**plain, "end": 4}


def test_what_was_denied_is_told_with_every_way_to_allow_it() -> None:
    push = ApprovalDecided("1", "network", "git\npush", "denied")
    assert denial([]) is None
    assert denial([push]) == ErrorInfo(
        "needs_approval", "not approved: git push", "allow it with --allow network, or run it where you can be asked"
    )
    more = [push, ApprovalDecided("2", "outside", "cat ../x", "denied"), ApprovalDecided("3", "call", "ls", "denied")]
    assert denial(more) == ErrorInfo(
        "needs_approval",
        "not approved: git push (and 2 more)",
        "allow it with --allow network,outside and leave out --tools ask, or run it where you can be asked",
    )


def test_a_turn_keeps_what_was_denied_in_it_and_not_what_was_before() -> None:
    record, denied = TurnRecord(), ApprovalDecided("1", "network", "git push", "denied")
    record(Envelope(1, 0.0, denied))
    record(Envelope(2, 0.0, TurnStarted(2, UserMessage("go"))))
    record(Envelope(3, 0.0, ApprovalDecided("1", "network", "git push", "once")))
    assert record.denied == []
    record(Envelope(4, 0.0, denied))
    assert record.denied == [denied]


def test_each_event_is_one_line_that_can_be_read_back() -> None:
    stream = io.BytesIO()
    lines = EventLines(Output(stream))
    lines(Envelope(7, 1.5, TextDelta("a\n\u2028")))
    lines(Envelope(8, 1.5, TextDelta("b")))
    first, second = stream.getvalue().splitlines()
    assert json.loads(first) == {"seq": 7, "at": 1.5, "event": {"type": "text_delta", "text": "a\n\u2028"}}
    assert decode_envelope(second) == Envelope(8, 1.5, TextDelta("b"))


def test_a_reader_that_goes_away_is_no_failure() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as stream:
        output = Output(stream)
        lines = EventLines(output)
        lines(Envelope(1, 0.0, TextDelta("x")))
        lines(Envelope(2, 0.0, TextDelta("y")))
        assert isinstance(output.failure, BrokenPipeError)
        assert not output.lost


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
def test_a_full_disk_is_one() -> None:
    with open("/dev/full", "wb", buffering=0) as stream:
        output = Output(stream)
        print_object(output, {"version": "1"}, str)
        assert output.lost


def test_a_non_blocking_pipe_loses_nothing() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with open(writer, "wb") as stream:
        Output(stream)
        assert os.get_blocking(writer)
    os.close(reader)


def test_an_answer_ends_with_one_newline_and_survives_any_text() -> None:
    stream = io.BytesIO()
    output = Output(stream)
    output.answer("ü\x1b[1m\n")
    output.answer("\ud800")
    assert stream.getvalue() == "ü\x1b[1m\n?\n".encode()


def test_an_answer_on_a_terminal_is_harmless() -> None:
    reader, writer = os.openpty()
    with open(writer, "wb", buffering=0) as stream:
        Output(stream).answer("a\x1b[2Jb")
        assert os.read(reader, 100) == b"ab\r\n"
    os.close(reader)


def test_the_result_is_one_object_with_the_promised_fields() -> None:
    record = TurnRecord()
    finished = TurnFinished(
        "error", Usage(10, 5, 2, 0.25), 2, ErrorInfo("provider_unavailable", "gone", "start the server")
    )
    events: list[Event] = [
        TurnStarted(1, UserMessage("old")),
        MessageFinished(AssistantMessage("old answer", model="old")),
        ChangesStaged((Change("old", "added"),)),
        TurnStarted(2, UserMessage("x")),
        StepStarted(1, "m", "00"),
        MessageFinished(AssistantMessage("I look.", model="m:latest")),
        StepStarted(2, "m", "01"),
        MessageFinished(AssistantMessage(" ")),
        ChangesStaged((Change("a.py", "modified"),)),
        finished,
    ]
    for number, event in enumerate(events):
        record(Envelope(number, 0.0, event))
    stream = io.BytesIO()
    print_object(Output(stream), result_object(record, finished, session="s1", version="0.1"), str)
    assert json.loads(stream.getvalue()) == {
        "version": "0.1",
        "answer": "I look.",
        "status": 75,
        "stop_reason": "error",
        "session": "s1",
        "model": "m",
        "steps": 2,
        "usage": {"input_tokens": 10, "output_tokens": 5, "cached_tokens": 2, "cost_usd": 0.25},
        "changes": [{"path": "a.py", "kind": "modified"}],
        "error": {"kind": "provider_unavailable", "message": "gone", "remedy": "start the server"},
    }


def test_a_turn_that_ended_at_once_leaves_an_empty_record() -> None:
    finished = TurnFinished("cancelled", Usage(), 0)
    assert result_object(TurnRecord(), finished, session="", version="1") == {
        "version": "1",
        "answer": "",
        "status": 130,
        "stop_reason": "cancelled",
        "session": None,
        "model": "",
        "steps": 0,
        "usage": {"input_tokens": 0, "output_tokens": 0, "cached_tokens": 0, "cost_usd": None, "known_cost_usd": 0.0},
        "changes": [],
        "error": None,
    }


def test_where_a_price_is_not_known_the_known_part_stands_beside_it() -> None:
    record = TurnRecord()
    facts: list[Event] = [
        TurnStarted(1, UserMessage("go")),
        AttemptFailed("p", "m", 1, "provider_unavailable", "gone", Usage(10, 0, 0, 0.1)),
        MessageFinished(AssistantMessage("", usage=Usage(10, 1, 0, 0.2))),
        MessageFinished(AssistantMessage("", usage=Usage(10, 1, 0, None))),
    ]
    for number, event in enumerate(facts):
        record(Envelope(number, 0.0, event))
    finished = TurnFinished("end", Usage(30, 2, 0, None), 2)
    assert result_object(record, finished, session="", version="1")["usage"] == {
        "input_tokens": 30, "output_tokens": 2, "cached_tokens": 0, "cost_usd": None, "known_cost_usd": 0.3,
    }  # fmt: skip
