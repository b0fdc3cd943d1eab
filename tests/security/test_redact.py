"""Secrets go, everything else stays."""

import base64
import json
import re
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, quote_plus

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_mono.protocol.codec import decode_envelope, encode
from py_mono.protocol.events import Envelope, MessageFinished, ToolFinished, TurnStarted
from py_mono.protocol.messages import AssistantMessage, Message, ToolMessage, UserMessage
from py_mono.protocol.tools import ToolCall, ToolResult
from py_mono.security.redact import Redactor

ROOT = Path(__file__).parents[2]
LETTERS = "aB3dE5gH7jK9mN1pQ2sT4vW6xY8zC0fL" * 4
PEM = (
    f"-----BEGIN RSA PRIVATE KEY-----\n{LETTERS[:64]}\n{LETTERS[:64]}\n{LETTERS[:20]}==\n-----END RSA PRIVATE KEY-----"
)
KEYS = {
    "openai": "sk-" + LETTERS[:48],
    "openai project": "sk-proj-" + LETTERS[:60] + "_" + LETTERS[:20],
    "openai service": "sk-svcacct-" + LETTERS[:40],
    "openai small letters": "sk-abcdefghijklmnopqrstuvwxyz",
    "deepseek": "sk-" + "0123456789abcdef" * 2,
    "anthropic": "sk-ant-api03-" + LETTERS[:93] + "AA",
    "openrouter": "sk-or-v1-" + "0123456789abcdef" * 4,
    "groq": "gsk_" + LETTERS[:52],
    "google": "AIza" + LETTERS[:35],
    "github classic": "ghp_" + LETTERS[:36],
    "github oauth": "gho_" + LETTERS[:36],
    "github app": "ghs_" + LETTERS[:36],
    "github fine-grained": "github_pat_" + LETTERS[:22] + "_" + LETTERS[:59],
    "gitlab": "glpat-" + LETTERS[:20],
    "aws id": "AKIAIOSFODNN7EXAMPLE",
    "aws temporary id": "ASIAIOSFODNN7EXAMPLE",
    "slack bot": "xoxb-123456789012-123456789012-" + LETTERS[:24],
    "slack user": "xoxp-123456789012-" + LETTERS[:24],
    "stripe": "sk_" + "live_" + LETTERS[:24],
    "hugging face": "hf_" + LETTERS[:34],
    "jwt": f"eyJ{LETTERS[:33]}.eyJ{LETTERS[:60]}.{LETTERS[:43]}",
    "pem": PEM,
}
IN_CONTEXT = {
    "authorization header": ("Authorization: Bearer {}", "abc123.def-456_789"),
    "basic authorization": ("authorization: Basic {}", "dXNlcjpwYXNzd29yZA=="),
    "authorization in JSON": ('{{"Authorization": "token {}"}}', "a1b2c3d4e5f6"),
    "curl": ("curl -H 'Authorization: Bearer {}' https://x.example/", "abcdefgh12345678"),
    "bare authorization": ("Authorization: {}", "abcdefgh12345678abcdefgh"),
    "proxy authorization": ("Proxy-Authorization: Basic {}", "dXNlcjpwYXNzd29yZA=="),
    "lone bearer": ("uses bearer {} there", "abcdefgh1234567890"),
    "api key header": ("X-Api-Key: {}", "abcdefgh1234567890"),
    "url": ("git clone https://me:{}@host.example/x.git", "hunter2"),
    "database url": ("DATABASE_URL=postgres://app:{}@db:5432/app", "s3cr3t!pw"),
    "aws secret": ("aws_secret_access_key = {}", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    "aws secret in JSON": ('"SecretAccessKey": "{}"', "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    "aws secret exported": ("export AWS_SECRET_ACCESS_KEY={}", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
}
AROUND = ("{}", "key={}", "first\n{}\nlast", '"{}"', "\t{} ", "'{}',", "K={};", "ü{}ü", "`{}`", "[{}]")
AWKWARD = [
    'pa"ss\\wo\nrd/+',
    "pässwörd-€-🔑",
    "a/b+c=d&e f%g",
    "tab\there\\n\\\\",
    "-----x{}[]:,-----",
    "nnnn1234",
    "u0041bcd",
]

redact = Redactor()


def tool_message(text: str) -> ToolMessage:
    return ToolMessage(ToolResult("c1", "shell", text))


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
def test_a_key_is_redacted_and_what_stands_around_it_stays(key: str, around: str) -> None:
    redacted = redact(around.format(key))
    before, _, after = around.partition("{}")
    assert re.fullmatch(re.escape(before) + r"\[redacted:[a-z-]+\]" + re.escape(after), redacted)


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
def test_a_key_is_redacted_in_json_and_in_json_within_json(key: str, around: str) -> None:
    text = around.format(key)
    once = encode({"content": text}).decode()
    assert json.loads(redact(once)) == {"content": redact(text)}
    twice = json.loads(redact(encode({"content": once}).decode()))["content"]
    assert key not in twice
    assert LETTERS[:20] not in twice


@pytest.mark.parametrize(("text", "secret"), IN_CONTEXT.values(), ids=IN_CONTEXT.keys())
def test_a_secret_is_known_by_what_stands_before_it(text: str, secret: str) -> None:
    redacted = redact(text.format(secret))
    assert secret not in redacted
    before, _, after = text.partition("{}")
    assert redacted.startswith(before.replace("{{", "{"))
    assert redacted.endswith(after.replace("}}", "}"))
    for around in AROUND:
        once = encode([around.format(text.format(secret))]).decode()
        assert secret not in redact(once)
        assert secret not in redact(encode(once).decode())
        assert secret not in redact(json.dumps(json.dumps(once)))


@pytest.mark.parametrize("secret", [*AWKWARD, *KEYS.values(), "plainpassword"])
def test_a_known_secret_is_redacted_in_all_its_forms(secret: str) -> None:
    hide = Redactor([secret])
    for around in AROUND:
        text = around.format(secret)
        before, _, after = around.partition("{}")
        assert hide(text) == f"{before}[redacted:known]{after}"
        assert json.loads(hide(encode({"content": text}).decode())) == {"content": f"{before}[redacted:known]{after}"}
        assert json.loads(hide(json.dumps({"content": text}))) == {"content": f"{before}[redacted:known]{after}"}
    for form in (quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], encode(secret)[1:-1].decode()):
        assert hide(f"x {form} y") == "x [redacted:known] y"
    for lead in ("", "u", "us", "user:"):
        text = base64.b64encode(f"{lead}{secret}".encode()).decode()
        assert "[redacted:known]" in hide(text)
        assert len(hide(text).replace("[redacted:known]", "")) <= len(lead) * 4 // 3 + 6


def test_a_secret_added_later_is_redacted_too() -> None:
    hide = Redactor(["first-secret"])
    hide.add("second-secret")
    assert hide("first-secret second-secret") == "[redacted:known] [redacted:known]"


def test_json_nested_without_end_is_taken_as_text() -> None:
    assert redact('{"a":' * 100_000 + KEYS["groq"]) == '{"a":' * 100_000 + "[redacted:groq-key]"


def test_the_longer_of_two_known_secrets_wins() -> None:
    assert Redactor(["abcd1234", "abcd1234efgh"])("abcd1234efgh") == "[redacted:known]"


def test_each_long_line_of_a_known_secret_counts() -> None:
    hide = Redactor([PEM])
    assert hide(f"  2\t{LETTERS[:64]}") == "  2\t[redacted:known]"


@pytest.mark.parametrize("secret", ["", "short", " seven7 ", "password", "assistant", "tool_finished", "arguments"])
def test_what_is_too_short_or_too_common_is_no_secret(secret: str) -> None:
    text = encode(Envelope(1, 1.5, ToolFinished(ToolResult("a", "b", f"{secret} seven7 password"), 0))).decode()
    assert Redactor([secret])(text) == text


def test_numbers_and_structure_of_json_stay_whatever_is_known() -> None:
    hide = Redactor(["12345678", '":{"type"', '"},"at":', "1.512345678"])
    envelope = Envelope(12345678, 1.512345678, MessageFinished(AssistantMessage('12345678 ":{"type"')))
    decoded = decode_envelope(hide(encode(envelope).decode()).encode())
    expected = MessageFinished(AssistantMessage("[redacted:known] [redacted:known]"))
    assert decoded == Envelope(12345678, 1.512345678, expected)


def test_a_key_among_the_names_of_arguments_goes_too() -> None:
    call = ToolCall("a", "b", {KEYS["groq"]: [1, {"x": KEYS["google"]}]})
    assert json.loads(redact(encode(call).decode()))["arguments"] == {
        "[redacted:groq-key]": [1, {"x": "[redacted:google-key]"}]
    }


def test_a_private_key_cut_off_loses_its_lines_and_a_mere_mention_stays() -> None:
    cut = PEM[: PEM.index("\n-----END")].replace(LETTERS[:20] + "==", "")
    assert LETTERS[:20] not in redact(cut)
    for mention in (
        "look for -----BEGIN PRIVATE KEY----- in it",
        "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----",
    ):
        assert redact(mention) == mention


INNOCENT = [
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
    f"id {uuid.UUID(int=0x1234567890ABCDEF1234567890ABCDEF)}",
    "data:image/png;base64," + base64.b64encode(bytes(range(256)) * 40).decode(),
    "sha256:" + "0123456789abcdef" * 4,
    "task-runner-with-a-very-long-name-2024 disk-usage-of-some-long-thing-12 risk-abcdefghijklmnopqrstuvwxyz1",
    "class='sk-loading-indicator sk-circle sk-child'",
    "https://example.com:8080/path?q=a@b",
    "git@github.com:owner/repository.git",
    'f"http://{user}:{password}@{host}:{port}/"',
    "postgres://${USER}:${PASSWORD}@localhost/db",
    "def hf_hub_download(repository_identifier): ...",
    "the bearer of internationalisation",
    "Authorization: see the section below",
    "authorization = base64.decodebytes(authorization)",
    '"AWS::Redshift::EndpointAuthorization": "e72be424d109da1d"',
    "https://***:***@proxy.example",
    "AKIA is a prefix; ASIA2024CONFERENCEPROCEEDINGS too",
    "eyJ.eyJ.eyJ",
    "xox-small and xoxb-",
    "glpat-short ghp_short gsk_short",
    "C:\\new\\users\\task-1",
]


@pytest.mark.parametrize("text", INNOCENT)
def test_what_only_looks_a_little_like_a_key_stays(text: str) -> None:
    assert redact(text) == text
    assert redact(encode([text]).decode()) == encode([text]).decode()


def test_the_sources_of_this_project_hold_no_key() -> None:
    here = {Path(__file__).parent, ROOT / "py_mono" / "security"}
    sources = [path for top in ("py_mono", "scripts") for path in (ROOT / top).rglob("*.py") if path.parent not in here]
    assert len(sources) > 20
    assert [path.name for path in sources if redact(text := path.read_text()) != text] == []


def test_the_standard_library_stays_whole() -> None:
    names = (
        "urllib/request.py",
        "http/client.py",
        "ssl.py",
        "uuid.py",
        "base64.py",
        "asyncio/events.py",
        "argparse.py",
    )
    folder = Path(json.__file__).parents[1]
    for name in names:
        text = (folder / name).read_text(encoding="utf-8")
        different = [new for old, new in zip(text.split("\n"), redact(text).split("\n"), strict=True) if old != new]
        assert all("user:" in line or "joe:" in line for line in different), different


pieces = st.one_of(
    st.text(max_size=12),
    st.sampled_from([*KEYS.values(), *AWKWARD, *(text.format(secret) for text, secret in IN_CONTEXT.values())]),
    st.sampled_from(
        ['"', "\\", "\n", "\\n", "sk-", "://", "Bearer ", "AKIA", "[redacted:", "-----", "{", "}", ":", "@"]
    ),
)
texts = st.lists(pieces, max_size=6).map("".join)
names = st.text(max_size=8)  # two secrets as names would become one
values = st.recursive(
    st.one_of(texts, st.integers(-(2**63), 2**63 - 1), st.booleans(), st.none(), st.floats(allow_nan=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=6,
)
arguments = st.dictionaries(names, values, max_size=3)
messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(UserMessage, texts),
    st.builds(
        AssistantMessage,
        text=texts,
        reasoning=texts,
        tool_calls=st.lists(st.builds(ToolCall, texts, texts, arguments), max_size=2).map(tuple),
        provider_data=arguments,
    ),
    st.builds(ToolMessage, st.builds(ToolResult, texts, texts, texts, details=arguments)),
)
redactors = st.sampled_from([redact, Redactor(AWKWARD), Redactor([*AWKWARD, *KEYS.values(), "12345678", '"},{"'])])


@given(redactors, texts)
def test_redacting_twice_changes_nothing(hide: Redactor, text: str) -> None:
    assert hide(hide(text)) == hide(text)


@given(redactors, st.lists(st.tuples(texts, values), max_size=3))
def test_redacted_json_is_json_of_the_same_structure(hide: Redactor, value: object) -> None:
    def shape(each: object) -> object:
        if isinstance(each, str):
            return "text"
        if isinstance(each, list):
            return [shape(part) for part in each]
        if isinstance(each, dict):
            return [shape(part) for part in each.values()]
        return each

    redacted = msgspec.json.decode(hide(encode(value).decode()), type=list[tuple[str, object]])
    assert shape([list(pair) for pair in redacted]) == shape(json.loads(encode(value)))


@given(redactors, messages)
def test_a_message_is_redacted_the_same_alone_and_within_an_envelope(hide: Redactor, message: Message) -> None:
    alone, within = hide(encode(message).decode()), hide(encode([1, {"x": message}]).decode())
    assert within == f'[1,{{"x":{alone}}}]'
    match message:
        case AssistantMessage():
            kept = decode_envelope(hide(encode(Envelope(1, 1.5, MessageFinished(message))).decode()).encode())
            assert kept == Envelope(1, 1.5, MessageFinished(msgspec.json.decode(alone, type=AssistantMessage)))
        case ToolMessage(result=result):
            kept = decode_envelope(hide(encode(Envelope(1, 1.5, ToolFinished(result, 1))).decode()).encode())
            back = msgspec.json.decode(alone, type=ToolMessage)
            assert kept == Envelope(1, 1.5, ToolFinished(back.result, 1))
        case UserMessage():
            kept = decode_envelope(hide(encode(Envelope(1, 1.5, TurnStarted(1, message))).decode()).encode())
            assert kept == Envelope(1, 1.5, TurnStarted(1, msgspec.json.decode(alone, type=UserMessage)))


@given(redactors, messages)
def test_a_message_read_back_from_a_journal_is_redacted_to_the_same_bytes(hide: Redactor, message: Message) -> None:
    kept = hide(encode(message).decode())
    back = msgspec.json.decode(kept, type=Message)
    assert hide(encode(back).decode()) == kept


@given(redactors, texts)
def test_looking_at_text_before_unquoting_it_misses_nothing(hide: Redactor, text: str) -> None:
    thorough = hide._plain(text)
    assert hide(text) == thorough or text[:1] in '{["'
    assert msgspec.json.decode(hide(encode(text).decode())) == thorough


def test_secrets_that_threads_add_at_the_same_time_are_all_known() -> None:
    hide, secrets = Redactor(), [f"{number:04}-{LETTERS[number % 30 :][:40]}" for number in range(200)]
    often = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(hide.add, secrets))
    finally:
        sys.setswitchinterval(often)
    assert [secret for secret in secrets if secret in hide(f"<{secret}>")] == []
