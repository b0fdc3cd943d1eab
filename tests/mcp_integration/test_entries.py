"""One entry of ``mcpServers``: what it may say, and what it may not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_mono.mcp_integration.entries import KEYS, EntryError, read_entry
from py_mono.mcp_integration.server import Origin, Server
from py_mono.mcp_integration.shown import where
from py_mono.mcp_integration.words import hidden

VARIABLES = {"HOME": "/home/me", "MY_TOKEN": "tok-12345", "EMPTY": ""}


def read(entry: object, origin: Origin = "user", name: str = "one") -> Server:
    server, odd = read_entry(name, entry, origin, VARIABLES.get)
    assert server is not None
    assert odd == []
    return server


def test_a_program_and_all_that_it_can_say() -> None:
    server = read({
        "type": "stdio", "command": "npx", "args": ["-y", "${HOME}/x", "${NOT_SET:-else}"], "cwd": "/tmp",
        "env": {"A": "${MY_TOKEN}", "PORT": 80}, "network": False, "write": True, "timeout": 2_500, "alwaysAllow": ["t"],
    })  # fmt: skip
    assert (server.command, server.args, server.cwd) == ("npx", ("-y", "/home/me/x", "else"), "/tmp")
    assert server.env == {"A": "tok-12345", "PORT": "80"}
    assert (server.network, server.write, server.timeout_s, server.always_allow) == (False, True, 2.5, ("t",))
    assert server.variables == ("HOME", "MY_TOKEN")
    assert server.secrets == ("tok-12345",)


def test_an_address_and_the_names_that_others_give_to_keys() -> None:
    server = read({
        "transport": "streamable-http", "url": "https://h/mcp", "headers": {"Authorization": "Bearer ${MY_TOKEN}"},
        "oauth": True, "autoApprove": ["t"], "timeout": 30,
    })  # fmt: skip
    assert (server.url, server.oauth, server.always_allow, server.timeout_s) == ("https://h/mcp", True, ("t",), 30)
    assert server.headers == {"Authorization": "Bearer tok-12345"}


def test_a_timeout_larger_than_any_float_is_the_longest() -> None:
    assert (
        read({"command": "x", "timeout": 10**400}).timeout_s
        == read({"command": "x", "timeout": 1e300}).timeout_s
        == 3_600
    )


def test_little_is_enough_and_disabled_is_none() -> None:
    server = read({"command": "x"})
    assert (server.network, server.write, server.timeout_s, server.cwd) == (True, False, 60, "")
    assert read_entry("one", {"command": "x", "disabled": True}, "user", VARIABLES.get) == (None, [])


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ([], "it is no object"),
        ({}, "it should have a command or a url"),
        ({"command": "x", "url": "http://h"}, "not both"),
        ({"command": ""}, "it should have a command or a url"),
        ({"command": ["x"]}, "command should be a text"),
        ({"command": "x\0"}, "command should be a text"),
        ({"command": "x", "cwd": "~\ud800"}, "cwd should be a text"),
        ({"command": "x", "args": ["\udfff"]}, "args should be a list of texts"),
        ({"command": "x", "env": {"A": "\ud800"}}, "env: 'A' should be a text"),
        ({"command": "x", "args": "y"}, "args should be a list of texts"),
        ({"command": "x", "args": [1]}, "args should be a list of texts"),
        ({"command": "x", "env": []}, "env should be an object"),
        ({"command": "x", "env": {"A": None}}, "env: 'A' should be a text"),
        ({"command": "x", "env": {"A=B": "c"}}, "is no name of a variable"),
        ({"command": "x", "cwd": "sub"}, "cwd should be an absolute path"),
        ({"command": "x", "write": "yes"}, "write should be true or false"),
        ({"command": "x", "headers": {}}, "headers goes with a url"),
        ({"url": "http://h", "write": True}, "write goes with a command"),
        ({"url": "ftp://h"}, "url should be an address"),
        ({"url": "http://h:99999"}, "url should be an address"),
        ({"url": "http://h/\x1b[2J"}, "url should be an address"),
        ({"url": "http://h", "headers": {"A": "b\r\nC: d"}}, "the header 'A' cannot be sent"),
        ({"url": "http://h", "headers": {"A b": "c"}}, "the header 'A b' cannot be sent"),
        ({"type": "sse", "url": "http://h"}, "of type sse, which MCP gave up"),
        ({"type": "http", "command": "x"}, "of type http, which goes with a url"),
        ({"type": [], "command": "x"}, "there is no type '[]'"),
        ({"command": "x", "timeout": 0}, "timeout should be a number"),
        ({"command": "x", "timeout": float("nan")}, "timeout should be a number"),
        ({"command": "x", "args": ["${NOPE} ${ALSO_NOT}"]}, "it needs ALSO_NOT, NOPE, which the environment"),
        ({"command": "x" * 20_000}, "it is longer than 16,384 characters"),
    ],
)
def test_what_cannot_be_used_is_said(entry: object, said: str) -> None:
    with pytest.raises(EntryError) as error:
        read_entry("one", entry, "user", VARIABLES.get)
    assert said in str(error.value)
    assert not hidden(str(error.value))


@pytest.mark.parametrize("name", ["", "a b", "a" * 33, "a/b", "..", "a\n", "ä", "\x1b[2J"])
def test_a_name_is_short_and_plain(name: str) -> None:
    with pytest.raises(EntryError, match="1 to 32 letters"):
        read_entry(name, {"command": "x"}, "user", VARIABLES.get)


def test_what_is_not_known_is_said_and_a_repository_allows_nothing_to_itself() -> None:
    server, odd = read_entry("one", {"command": "x", "\x1b[2Jy": 1, "alwaysAllow": ["t"]}, "project", VARIABLES.get)
    assert server is not None
    assert odd == [
        "'y' is not known, and passed over",
        "alwaysAllow counts only in files of your own, and is passed over",
    ]


def test_the_digest_is_of_all_that_is_written_and_of_nothing_else() -> None:
    entry: dict[str, Any] = {"command": "x", "args": ["${HOME}"], "env": {"A": "1"}}
    same = read(dict(reversed(entry.items()))).digest
    assert read(entry).digest == same
    changed = [{**entry, "args": ["/home/me"]}, {**entry, "env": {"A": "2"}}, {**entry, "write": True}]
    assert len({same, *(read(each).digest for each in changed)}) == 4


def test_a_secret_of_the_environment_is_in_no_line_about_the_server() -> None:
    for entry in ({"url": "https://h/${MY_TOKEN}/mcp"}, {"command": "x", "args": ["${MY_TOKEN}", "${HOME}"]}):
        shown = where(read(entry))
        assert "tok-12345" not in shown
        assert "***" in shown
    assert "/home/me" in shown


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.text("/${}~:-H\0\ud800\n", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from([*KEYS, "transport", "x"]), JSON, max_size=6) | JSON)
def test_whatever_it_says_it_is_a_server_or_an_error_in_words(entry: Any) -> None:
    server, said = None, [""]
    try:
        server, said = read_entry("one", json.loads(json.dumps(entry)), "project", VARIABLES.get)
    except EntryError as error:
        said = [str(error)]
    assert not any(map(hidden, said))
    if server is not None:
        assert bool(server.command) != bool(server.url)
        assert not hidden(where(server))
