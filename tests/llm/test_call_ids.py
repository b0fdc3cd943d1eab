from hypothesis import given
from hypothesis import strategies as st

from py_mono.llm.call_ids import with_unique_ids
from py_mono.protocol.messages import AssistantMessage, Message, UserMessage
from py_mono.protocol.tools import ToolCall

IDS = st.sampled_from(["", "a", "b", "call_1", "call_2", "call_3", "call_4"])
REPLIES = st.lists(st.lists(IDS, max_size=4), max_size=5)


def session(replies: list[list[str]]) -> list[Message]:
    messages: list[Message] = [UserMessage("go")]
    for given_ids in replies:
        calls = [ToolCall(one, "tool", {"n": n}) for n, one in enumerate(given_ids)]
        messages.append(AssistantMessage(tool_calls=with_unique_ids(calls, messages)))
    return messages


def ids(messages: list[Message]) -> list[str]:
    return [call.id for one in messages if isinstance(one, AssistantMessage) for call in one.tool_calls]


@given(REPLIES)
def test_ids_are_unique_in_a_session_and_the_same_when_it_runs_again(replies: list[list[str]]) -> None:
    made = ids(session(replies))
    assert len(set(made)) == len(made) == sum(map(len, replies))
    assert all(made)
    assert made == ids(session(replies))


@given(st.lists(st.text(min_size=1, max_size=3), unique=True, max_size=5))
def test_ids_that_are_unique_already_are_kept(own: list[str]) -> None:
    assert ids(session([own])) == own


def test_a_made_id_makes_way_for_one_that_the_server_gave() -> None:
    assert ids(session([["", "call_1"]])) == ["call_2", "call_1"]


def test_a_call_that_was_sent_twice_is_one_and_another_under_its_id_is_not_the_same() -> None:
    first, other = ToolCall("a", "tool", {"n": 1}), ToolCall("a", "tool", {"n": 2})
    assert with_unique_ids([first, other, first], []) == (first, ToolCall("call_2", "tool", {"n": 2}))


def test_calls_without_ids_are_calls_each() -> None:
    call = ToolCall("", "tool", {})
    assert [made.id for made in with_unique_ids([call, call], [])] == ["call_1", "call_2"]
