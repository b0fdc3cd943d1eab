"""The files that name servers: which comes first, and what a bad one costs."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from py_mono.mcp_integration.contents import digest_now, files_of
from py_mono.mcp_integration.entries import Lookup
from py_mono.mcp_integration.server import Origin, Server
from py_mono.mcp_integration.servers import Configured, Source, read_servers
from py_mono.mcp_integration.words import hidden
from py_mono.protocol.errors import ConfigError


def none(_: Origin) -> Lookup:
    return lambda _: None


def own(server: Server) -> bool:
    return server.own


class Files:
    """A folder with a file of each origin."""

    def __init__(self, base: Path) -> None:
        self.base = base

    def write(self, origin: Origin, content: object) -> Path:
        path = self.base / f"{origin}.json"
        path.write_text(content if isinstance(content, str) else json.dumps({"mcpServers": content}), encoding="utf-8")
        return path

    def read(self, *origins: Origin, trusted: Callable[[Server], bool] = own, url: str = "") -> Configured:
        sources = [Source(str(self.base / f"{origin}.json"), origin) for origin in origins]
        return read_servers(sources, none, trusted=trusted, datetime_url=url)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def seen(found: Configured) -> dict[str, tuple[str, str]]:
    return {server.name: (server.origin, server.url) for server in found.servers}


def at(host: str) -> dict[str, str]:
    return {"url": f"http://{host}/mcp"}


def test_flag_comes_before_environment_before_project_before_user(files: Files) -> None:
    files.write("flag", {"a": at("flag")})
    files.write("project", {name: at("project") for name in ("a", "datetime", "b")})
    files.write("user", {name: at("user") for name in ("a", "datetime", "b", "c")})
    found = files.read("flag", "project", "user", trusted=lambda _: True, url="http://environment/mcp")
    assert seen(found) == {
        "a": ("flag", "http://flag/mcp"),
        "datetime": ("environment", "http://environment/mcp"),
        "b": ("project", "http://project/mcp"),
        "c": ("user", "http://user/mcp"),
    }
    assert (found.problems, found.hidden) == ((), ())


def test_the_environments_server_is_there_without_any_file_and_costs_itself_alone(files: Files) -> None:
    assert seen(files.read(url="http://h/mcp")) == {"datetime": ("environment", "http://h/mcp")}
    files.write("flag", {"datetime": at("flag")})
    assert seen(files.read("flag", url="http://h/mcp"))["datetime"][0] == "flag"
    found = files.read("flag", url="h:1")
    assert found.problems == ("DATETIME_MCP_URL: url should be an address such as http://localhost:8000/mcp",)


def test_an_entry_nobody_agreed_to_hides_nothing_and_is_not_forgotten(files: Files) -> None:
    files.write("project", {"a": at("project"), "only": at("project")})
    files.write("user", {"a": at("user")})
    found = files.read("project", "user")
    assert seen(found) == {"a": ("user", "http://user/mcp"), "only": ("project", "http://project/mcp")}
    assert [(server.name, server.origin) for server in found.hidden] == [("a", "project")]


def test_one_bad_entry_costs_itself(files: Files) -> None:
    files.write(
        "project", {"good": at("h"), "bad": {"command": 3}, "\x1b[31mred": at("h"), "off": at("h") | {"disabled": True}}
    )
    found = files.read("project")
    assert list(seen(found)) == ["good"]
    assert found.problems == (
        "project.json: the server 'bad' is not used: command should be a text",
        "project.json: the server 'red' is not used: a name has 1 to 32 letters, digits, - and _",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is no JSON"),
        ("{", "it is no JSON"),
        ('{"mcpServers": {}} // more', "JSON has no comments"),
        ("[]", "it holds no JSON object"),
        ("{}", "it has no mcpServers"),
        ('{"servers": {}}', "which is called mcpServers here"),
        ('{"mcpServers": []}', "is no object of servers by name"),
        ('{"mcpServers": {"a": {"command": "x"}, "a": {"command": "y"}}}', "'a' stands in it twice"),
        ('{"mcpServers": {"a": {"command": "x", "command": "y"}}}', "'command' stands in it twice"),
        ('{"mcpServers": ' + "[" * 100_000, "nested too deeply"),
        ('{"mcpServers": {"a": {"timeout": ' + "9" * 5_000 + "}}}", "limit"),
        (" " * ((1 << 20) + 1), "it is longer than 1,048,576 bytes"),
    ],
)
def test_a_bad_file_costs_itself_unless_the_command_line_names_it(files: Files, text: str, said: str) -> None:
    files.write("project", text)
    files.write("user", {"a": at("user")})
    found = files.read("project", "user")
    assert list(seen(found)) == ["a"]
    assert found.problems[0].startswith("project.json is not used: ")
    assert said in found.problems[0]
    assert not hidden(found.problems[0])
    files.write("flag", text)
    with pytest.raises(ConfigError, match=r"--mcp-config: .*flag\.json: ") as error:
        files.read("flag")
    assert said in str(error.value)


def test_a_file_that_is_not_there_is_none_unless_the_command_line_names_it(files: Files) -> None:
    assert files.read("project", "user") == Configured((), ())
    with pytest.raises(ConfigError, match=r"flag\.json does not exist"):
        files.read("flag")


def test_what_is_no_text_of_its_own_is_not_read(files: Files) -> None:
    target = files.write("user", {"a": at("user")})
    project = files.base / "project.json"
    project.symlink_to(target)
    assert files.read("project").problems == ("project.json is not used: it is a link",)
    linked = files.base / "flag.json"
    linked.symlink_to(target)
    assert list(seen(files.read("flag"))) == ["a"]  # their own may be a link
    project.unlink()
    os.mkfifo(project)
    assert files.read("project").problems == ("project.json is not used: it is no regular file",)
    project.unlink()
    project.mkdir()
    assert files.read("project").problems == ("project.json is not used: it is no regular file",)
    project.rmdir()
    project.write_bytes(b'{"mcpServers": {"\xff": {}}}')
    assert "it is not UTF-8 (byte 17)" in files.read("project").problems[0]
    project.write_bytes(b"\xef\xbb\xbf" + b'{"mcpServers": {"a": {"url": "http://h"}}}')
    assert list(seen(files.read("project"))) == ["a"]


def test_no_more_than_64_of_a_file_are_used(files: Files) -> None:
    files.write("project", {f"s{number}": at("h") for number in range(70)})
    found = files.read("project")
    assert len(found.servers) == 64
    assert found.problems == ("project.json names 70 servers; the first 64 are used",)


def program(*words: str, **more: Any) -> Server:
    return Server("one", "project", "d", command=words[0], args=words[1:], **more)


def test_the_files_it_starts_with_are_part_of_what_a_yes_means(tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    (workspace / "sub").mkdir(parents=True)
    script = workspace / "sub" / "server.py"
    script.write_text("one")
    (tmp_path / "outside").write_text("x")
    (workspace / "link").symlink_to(script)
    server = program(
        "python", "sub/server.py", f"--config={script}", "../outside", "/etc/passwd", "link", "later.py", "\ud800"
    )
    first = files_of(server, str(workspace))
    assert list(first) == ["sub/server.py"]
    meant = {digest_now(server, first)}
    script.write_text("two")
    meant.add(digest_now(server, files_of(server, str(workspace))))
    script.chmod(0o755)
    meant.add(digest_now(server, files_of(server, str(workspace))))
    (workspace / "later.py").touch()
    meant.add(digest_now(server, files_of(server, str(workspace))))
    assert len(meant) == 4
    script.write_text("one")
    script.chmod(0o644)
    (workspace / "later.py").unlink()
    assert digest_now(server, files_of(server, str(workspace))) in meant  # what was agreed to is known again
    assert list(files_of(program("./server.py", cwd=str(workspace / "sub")), str(workspace))) == ["sub/server.py"]


def test_a_file_too_long_to_be_read_is_known_by_its_size_and_times(tmp_path: Path) -> None:
    large, server = tmp_path / "large", program("./large", "pipe")
    os.mkfifo(tmp_path / "pipe")
    with large.open("wb") as file:
        file.truncate(1 << 30)
    before = files_of(server, str(tmp_path))
    with large.open("r+b") as file:
        file.write(b"x")
    after = files_of(server, str(tmp_path))
    assert (list(before), list(after)) == (["large"], ["large"])
    assert before != after


def test_what_variables_stand_for_on_the_command_line_is_part_of_it_and_values_of_env_are_not() -> None:
    assert digest_now(program("x", "a"), {}) != digest_now(program("x", "b"), {})
    assert digest_now(program("x", env={"K": "1"}), {}) == digest_now(program("x", env={"K": "2"}), {})
    assert digest_now(Server("one", "project", "d", url="http://a"), {}) != digest_now(
        Server("one", "project", "d", url="http://b"), {}
    )
