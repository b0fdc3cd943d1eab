"""The judge of a server's numbers, against servers that count in every way there is."""

import os
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from py_mono.llm.window.measure import PromptMeasure
from py_mono.llm.window.truth import ContextTruth, Counted, Sent, Shown
from py_mono.protocol.codec import encode
from py_mono.protocol.errors import ContextTruncated
from py_mono.protocol.events import ContextChecked
from py_mono.protocol.messages import AssistantMessage, Message, ToolMessage, UserMessage
from py_mono.protocol.ports import ModelRequest
from py_mono.protocol.tools import ToolCall, ToolResult

WINDOW = 32768
WARM = Counted(0).load_s
COLD = 3.0
OLD, CURRENT, UNCACHED = (0, 9, 6), (0, 33, 0), (0, 30, 0)


def sent(*messages: Message, system: str = "You are a coding agent.") -> Sent:
    request = ModelRequest(system, messages, ())
    size = len(encode(request))
    return Sent(request, size, PromptMeasure().likely(size))


def user(characters: int) -> UserMessage:
    return UserMessage("word " * (characters // 5))


def tool(characters: int) -> ToolMessage:
    return ToolMessage(ToolResult("call_1", "read_file", "line " * (characters // 5)))


def call(reasoning: str = "") -> AssistantMessage:
    return AssistantMessage("", reasoning, (ToolCall("call_1", "read_file", {"path": "a"}),))


def truth(window: int = WINDOW) -> ContextTruth:
    return ContextTruth("fake", window)


def test_a_count_like_the_estimate_is_seen() -> None:
    asked = sent(user(4000))
    assert truth().check(asked, Counted(900, 20), Shown(WINDOW)) == ContextChecked("seen", asked.tokens, 900, WINDOW)


def test_cached_tokens_are_added_where_they_are_counted_apart() -> None:
    assert truth().check(sent(user(4000)), Counted(100, 20, cached=850), None).counted_tokens == 950


@pytest.mark.parametrize(
    ("counted", "reason"),
    [
        (0, "the server gave no count of the prompt"),
        (7, "the server counted 7 of about 1,035 tokens; some count only what is new to them"),
        (9_000_000, "the server counted 9,000,000 tokens, more than the request has bytes"),
    ],
)
def test_a_low_missing_or_absurd_count_is_unverified_and_no_reason_to_stop(counted: int, reason: str) -> None:
    asked = sent(user(4000))
    found = truth().check(asked, Counted(counted), Shown(WINDOW, version=CURRENT))
    assert found == ContextChecked("unverified", asked.tokens, counted, WINDOW, reason)


def test_a_full_window_is_unverified() -> None:
    found = truth(1000).check(sent(user(4000)), Counted(1000), None)
    assert (found.verdict, found.reason) == (
        "unverified",
        "the server counted 1,000 tokens: the window is full to its edge",
    )


def test_a_smaller_window_that_the_server_shows_stops_with_the_number_to_set() -> None:
    with pytest.raises(
        ContextTruncated, match=r"a window of 4,096 tokens, not the 32,768 that were asked for"
    ) as caught:
        truth().check(sent(user(100)), Counted(30), Shown(4096))
    assert "OLLAMA_CONTEXT_LENGTH=4096" in caught.value.remedy


@pytest.mark.parametrize("shown", [Shown(), Shown(WINDOW), Shown(10 * WINDOW), Shown(4096, binding=False)])
def test_a_window_that_is_not_shown_or_as_large_or_mere_advice_proves_nothing(shown: Shown) -> None:
    assert truth().check(sent(user(100)), Counted(30), shown).verdict == "seen"


def test_a_cold_count_at_an_edge_below_what_any_tokenizer_makes_stops() -> None:
    big = sent(user(40_000), UserMessage(os.urandom(60_000).hex()))
    for edge in (4096, 4095, 4100):
        with pytest.raises(ContextTruncated, match="at the very least"):
            truth().check(big, Counted(edge, load_s=COLD), None)
    with pytest.raises(ContextTruncated, match="at the very least"):
        truth().check(big, Counted(4096, cached=0), None)


def test_the_same_count_proves_nothing_warm_or_off_the_edge_or_where_few_tokens_are_possible() -> None:
    big = sent(user(40_000), UserMessage(os.urandom(60_000).hex()))
    assert truth().check(big, Counted(4096, load_s=WARM), None).verdict == "unverified"
    assert truth().check(big, Counted(4300, load_s=COLD), None).verdict == "unverified"
    blank = sent(UserMessage(" " * 200_000 + "=" * 100_000 + "-+" * 100_000))
    assert truth().check(blank, Counted(4096, load_s=COLD), None).verdict == "unverified"


def test_the_same_edge_for_a_longer_prompt_stops_also_when_warm() -> None:
    judge = truth()
    judge.check(sent(user(30_000)), Counted(4096), None)
    with pytest.raises(ContextTruncated, match="counted 4,096 tokens twice, although the prompt had grown"):
        judge.check(sent(user(30_000), call(), tool(2000)), Counted(4096), None)


def test_the_same_count_for_a_prompt_that_is_another_or_hardly_grew_proves_nothing() -> None:
    laters: list[list[Message]] = [
        [user(33_000)],
        [user(30_000), AssistantMessage("ok"), UserMessage("go on")],
        [user(30_000)],
    ]
    for later in laters:
        judge = truth()
        judge.check(sent(user(30_000)), Counted(4096), None)
        assert judge.check(sent(*later), Counted(4096), None)


def test_a_new_part_that_alone_may_have_so_many_tokens_proves_nothing() -> None:
    judge = truth()
    judge.check(sent(user(30_000)), Counted(4096), None)
    assert judge.check(sent(user(30_000), call(), tool(16_000)), Counted(4096), None).verdict == "unverified"


def test_a_count_that_stands_still_at_an_edge_is_not_called_seen_though_it_proves_nothing() -> None:
    judge = truth()
    steps: list[Message] = [user(16_000)]
    assert judge.check(sent(*steps), Counted(4096), None).verdict == "seen"
    for _ in range(3):
        steps += [call(), tool(5000)]
        found = judge.check(asked := sent(*steps), Counted(4096), None)
        told = "the server counted 4,096 tokens, no more than before, although the prompt had grown"
        assert (found.verdict, found.reason) == ("unverified", told)
        assert not judge.believes(asked, Counted(4096))
    steps += [call(), tool(40)]
    assert judge.check(asked := sent(*steps), Counted(9000), None).verdict == "seen"
    assert judge.believes(asked, Counted(9000))


def test_a_whole_count_that_shrinks_while_the_prompt_grows_stops() -> None:
    judge = truth(8192)
    steps: list[Message] = [user(28_000)]
    judge.check(sent(*steps), Counted(7000), Shown(8192, version=OLD))
    steps += [call(), tool(1000)]
    judge.check(sent(*steps), Counted(7300), None)
    steps += [call(), tool(6000)]
    with pytest.raises(ContextTruncated, match=r"counted 7,300 tokens, and 1,800 for a prompt that continues that one"):
        judge.check(sent(*steps), Counted(1800), None)


@pytest.mark.parametrize("version", [UNCACHED, (0, 3, 14), ()])
def test_a_count_that_shrinks_proves_nothing_of_versions_that_leave_out_what_they_cached(
    version: tuple[int, ...],
) -> None:
    judge = truth(8192)
    judge.check(sent(user(28_000)), Counted(7000), Shown(8192, version=version))
    judge.check(sent(user(28_000), call(), tool(1000)), Counted(7300), None)
    later = judge.check(sent(user(28_000), call(), tool(1000), call(), tool(6000)), Counted(1800), None)
    assert later.verdict == "unverified"


def test_a_version_is_not_believed_before_its_counts_have_grown_once() -> None:
    judge = truth(8192)
    judge.check(sent(user(28_000)), Counted(7000), Shown(8192, version=OLD))
    assert judge.check(sent(user(28_000), call(), tool(1000)), Counted(300), None).verdict == "unverified"


def test_counts_of_new_parts_that_happen_to_grow_do_not_make_a_version_believed() -> None:
    judge = truth(8192)
    steps: list[Message] = [user(28_000)]
    judge.check(sent(*steps), Counted(7000), Shown(8192, version=OLD))
    found = []
    for size, count in ((800, 300), (1600, 500), (400, 150)):
        steps = [*steps, call(), tool(size)]
        found.append(judge.check(sent(*steps), Counted(count), None).verdict)
    assert found == ["unverified"] * 3


def test_a_prompt_with_another_front_is_another_prompt() -> None:
    judge = truth()
    judge.check(sent(user(4000), system="long " * 2000), Counted(3000, load_s=COLD), None)
    assert judge.check(sent(user(4000), call(), tool(400)), Counted(1100, load_s=COLD), None).verdict == "seen"


def test_a_count_beyond_all_measure_is_nothing_to_hold_the_next_one_against() -> None:
    judge = truth()
    judge.check(sent(user(4000)), Counted(9_000_000, load_s=COLD), None)
    assert judge.check(sent(user(4000), call(), tool(400)), Counted(1100, load_s=COLD), None).verdict == "seen"


def test_thinking_that_a_template_drops_makes_a_smaller_count_lawful() -> None:
    judge = truth()
    steps: list[Message] = [user(400), call("I think. " * 1000), tool(400)]
    judge.check(sent(*steps), Counted(2800, load_s=COLD), None)
    steps += [AssistantMessage("Done."), user(100)]
    assert judge.check(sent(*steps), Counted(1500, load_s=COLD), None).counted_tokens == 1500


def test_a_reply_that_goes_beyond_the_window_of_an_old_server_stops() -> None:
    judge = truth(8192)
    with pytest.raises(ContextTruncated, match="prompt and reply came to 8,692 tokens"):
        judge.check(sent(user(40_000)), Counted(8192, 500), Shown(8192, version=OLD))
    for shown in (Shown(8192, version=CURRENT), Shown(version=OLD), Shown(16384, version=OLD), Shown(8192)):
        assert truth(8192).check(sent(user(40_000)), Counted(8192, 500), shown).verdict == "unverified"


def test_the_server_is_looked_at_first_after_a_reload_and_once_when_counts_turn_odd() -> None:
    judge, asked = truth(), sent(user(4000))
    wanted = []
    for counted in (
        Counted(900),
        Counted(900),
        Counted(900, load_s=COLD),
        Counted(5),
        Counted(5),
        Counted(900),
        Counted(5),
    ):
        look = judge.wants_look(asked, counted)
        wanted.append(look)
        judge.check(asked, counted, Shown(WINDOW) if look else None)
    assert wanted == [True, False, True, True, False, False, True]


def test_a_server_that_showed_nothing_is_not_asked_again_and_one_that_was_wrong_is() -> None:
    judge, asked = truth(), sent(user(4000))
    judge.check(asked, Counted(900), Shown())
    assert not judge.never_looked
    with pytest.raises(ContextTruncated):
        judge.check(asked, Counted(900), Shown(4096))
    assert judge.never_looked


def test_counts_are_believed_where_they_are_plausible_or_known_to_be_whole() -> None:
    asked = sent(user(4000))
    found = [
        truth().believes(asked, Counted(count, load_s=load)) for load in (WARM, COLD) for count in (0, 7, 900, 10**7)
    ]
    assert found == [False, False, True, False, False, True, True, False]


TEXTS = {
    "prose": "The quick brown fox. ",
    "blanks": "                                ",
    "base64": "c29tZSBieXRlcyBvZiBubyBtZWFuaW5n",
    "cjk": "模型看到了整个提示",
    "emoji": "🙂👩‍👩‍👧‍👦🏳️‍🌈",
    "log": "2026-01-01T00:00:00.000Z INFO ------------ ok\n",
    "one letter": "x",
}


@dataclass
class Server:
    """Counts prompts as some server would: whole or uncached, with any tokenizer, dropping old thinking or not."""

    bytes_per_token: float
    whole: bool
    drops_thinking: bool
    cache: bytes = field(default=b"", repr=False)

    def count(self, request: ModelRequest, *, reloaded: bool) -> int:
        prompt = self.render(request)
        same = len(os.path.commonprefix([self.cache, prompt]))  # noqa: RUF071 - of bytes, which is what is meant
        known = 0 if reloaded or self.whole else same
        self.cache = prompt
        return int((len(prompt) - known) / self.bytes_per_token) + 1

    def render(self, request: ModelRequest) -> bytes:
        last = max((n for n, message in enumerate(request.messages) if isinstance(message, UserMessage)), default=0)
        parts = [request.system]
        for n, message in enumerate(request.messages):
            match message:
                case AssistantMessage():
                    parts += [] if self.drops_thinking and n < last else [message.reasoning]
                    parts += [message.text, *(str(one.arguments) for one in message.tool_calls)]
                case ToolMessage():
                    parts.append(message.result.content)
                case _:
                    parts.append(message.text)
        return "\n<|im|>".join(parts).encode()


texts = st.builds(lambda kind, times: TEXTS[kind] * times, st.sampled_from(sorted(TEXTS)), st.integers(1, 800))
steps = st.one_of(
    st.builds(lambda text: [UserMessage(text)], texts),
    st.builds(
        lambda thought, text: [call(thought), ToolMessage(ToolResult("call_1", "read_file", text))],
        st.one_of(st.just(""), texts),
        texts,
    ),
)
servers = st.builds(Server, st.floats(1, 12), st.booleans(), st.booleans())


@settings(max_examples=150, deadline=None)
@given(servers, st.lists(steps, min_size=1, max_size=8), st.data())
def test_an_honest_server_is_never_accused(
    server: Server, conversation: list[list[Message]], data: st.DataObject
) -> None:
    asked_window = data.draw(st.sampled_from([2048, 4096, 8192, 5000, WINDOW]))
    version = data.draw(st.sampled_from([(), OLD, CURRENT] if server.whole else [(), UNCACHED, (0, 3, 14)]))
    judge, measure = truth(asked_window), PromptMeasure()
    messages: list[Message] = []
    for step in conversation:
        messages += step
        reloaded = data.draw(st.booleans())
        request = ModelRequest("You are a coding agent.", tuple(messages), ())
        size = len(encode(request))
        asked = Sent(request, size, measure.likely(size))
        tokens = server.count(request, reloaded=reloaded)
        window = max(asked_window, 2 * len(server.cache))  # whatever it was asked for: it has room for all of it
        shown = data.draw(st.sampled_from([None, Shown(), Shown(version=version), Shown(window + 1, version=version)]))
        counted = Counted(data.draw(st.sampled_from([tokens, tokens, 0])), 30, load_s=COLD if reloaded else WARM)
        judge.wants_look(asked, counted)
        judge.check(asked, counted, shown)
        if judge.believes(asked, counted):
            measure.learn(size, counted.total)


@settings(max_examples=60, deadline=None)
@given(servers, steps, st.integers(4, WINDOW - 1))
def test_a_server_that_shows_a_smaller_window_is_always_stopped(
    server: Server, step: list[Message], window: int
) -> None:
    asked = sent(*step)
    tokens = min(server.count(asked.request, reloaded=True), window)
    with pytest.raises(ContextTruncated, match=f"a window of {window:,} tokens"):
        truth().check(asked, Counted(tokens, load_s=WARM), Shown(window))


@settings(max_examples=60, deadline=None)
@given(st.floats(1, 6), st.sampled_from([2048, 4096, 8192, 16384]), st.integers(100, 900))
def test_a_server_that_is_stuck_at_an_edge_is_stopped_by_the_second_longer_prompt(
    bytes_per_token: float, edge: int, size: int
) -> None:
    server, judge = Server(bytes_per_token, whole=True, drops_thinking=False), truth(WINDOW)

    def check(*messages: Message) -> ContextChecked:
        asked = sent(*messages)
        return judge.check(asked, Counted(min(server.count(asked.request, reloaded=False), edge)), None)

    check(user(7 * edge))
    with pytest.raises(ContextTruncated):
        check(user(7 * edge), call(), tool(size))


def test_versions_say_what_they_count_and_whether_they_refuse() -> None:
    found = {
        version: (Shown(version=version).counts_whole, Shown(version=version).refuses_oversize)
        for version in [(), (0, 3, 14), (0, 4, 0), (0, 12, 5), (0, 12, 6), (0, 30, 0), (0, 30, 1), (1, 0, 0)]
    }
    assert found == {
        (): (False, None),
        (0, 3, 14): (False, False),
        (0, 4, 0): (True, False),
        (0, 12, 5): (True, False),
        (0, 12, 6): (True, True),
        (0, 30, 0): (False, True),
        (0, 30, 1): (True, True),
        (1, 0, 0): (True, True),
    }


def test_a_measure_adds_what_came_since_to_what_was_counted() -> None:
    measure = PromptMeasure()
    assert (measure.likely(8000), measure.least(8000), measure.learned) == (2000, 1000, False)
    measure.learn(6000, 2000)
    assert (measure.likely(9000), measure.least(9000), measure.learned) == (3000, 2375, True)
    assert (measure.likely(3000), measure.least(3000)) == (1000, 375)


def test_looking_at_a_version_does_not_take_the_window_of_somebody_else() -> None:
    judge = truth()
    judge.take_version(Shown(4096, version=OLD))
    assert (judge.shown, judge.never_looked) == (Shown(version=OLD), True)
    judge.check(sent(user(100)), Counted(30), Shown(WINDOW))
    assert judge.shown == replace(Shown(WINDOW), version=OLD)
