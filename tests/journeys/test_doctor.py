"""``py-mono doctor``: the real program, against servers that are there, gone, silent, and lying."""

import json
import os
import re
import shlex
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.program import Played, Program
from tests.servers.fake_ollama import FakeOllama, as_json, loaded
from tests.servers.faults import FaultServer, Flood, Wait

TAGS = as_json({"models": [{"name": "fake:latest", "model": "fake:latest", "size": 2_000_000_000}]})


def examine(program: Program, *arguments: str, **environment: str) -> Played:
    program.more = {"LLM_PROVIDER": "ollama", "OLLAMA_MODEL": "fake", **environment}
    return program.run("doctor", *arguments)


def checks(played: Played) -> dict[str, dict[str, str]]:
    return {one["name"]: one for one in json.loads(played.stdout)["checks"]}


def closed_port() -> int:
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        port: int = own.getsockname()[1]
        return port


def steady(played: Played, *masked: tuple[str, str]) -> dict[str, Any]:
    """The object, with what differs from machine to machine as a word."""
    text = played.stdout
    for old, new in masked:
        text = text.replace(old, new)
    told: dict[str, Any] = json.loads(text)
    vague = {"python", "workspace", "git", "uv", "disk", "lock", "folders"}
    for one in told["checks"]:
        if one["name"] in vague:
            one.update(verdict="<verdict>", detail="<detail>", remedy="<remedy>")
        if one["name"] == "memory":
            one["detail"] = re.sub(r"machine has .*", "machine has <memory>", one["detail"])
    return told


def row(name: str, verdict: str, detail: str, remedy: str = "") -> dict[str, str]:
    return {"name": name, "verdict": verdict, "detail": detail, "remedy": remedy}


def vague(name: str) -> dict[str, str]:
    return row(name, "<verdict>", "<detail>", "<remedy>")


def test_a_healthy_place_as_one_object(program: Program) -> None:
    (program.workspace / ".mcp.json").write_text('{"mcpServers": {}}', encoding="utf-8")
    ps = loaded(32768, "fake:latest", size_vram=1)
    with FakeOllama(tags=TAGS, ps=ps) as server:
        played = examine(program, "--json", OLLAMA_HOST=server.url, GROQ_API_KEY="gsk_0123456789abcdefghij")
        port = server.url.rpartition(":")[2]
    told = steady(
        played,
        (server.url, "<url>"),
        (port, "<port>"),
        (str(program.home), "<home>"),
        (str(program.workspace), "<workspace>"),
    )
    version = told.pop("version")
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", version)
    assert told == {
        "status": 0,
        "checks": [
            row("py-mono", "ok", version),
            vague("python"),
            row("settings", "ok", "the provider is ollama"),
            row("address", "ok", "<url> (OLLAMA_HOST)"),
            row("route", "ok", "127.0.0.1, port <port> takes connections"),
            row("server", "ok", "Ollama 0.33.0"),
            row("model", "ok", "fake is pulled, 2.0 GB"),
            row("window", "ok", "32,768 tokens are asked for, of 131,072 that the model can take; 32,768 are served"),
            row("memory", "ok", "it is loaded, and takes 1 B"),
            row("processor", "ok", "all of it is on the GPU"),
            row("tool calls", "ok", "fake calls tools"),
            vague("lock"),
            vague("workspace"),
            vague("git"),
            vague("uv"),
            vague("disk"),
            vague("folders"),
            row("checkpoints", "ok", "none yet"),
            row(".env", "ok", "there is none in <home>/config"),
            row("keys", "ok", "GROQ_API_KEY (environment)"),
            row("stored keys", "ok", "none in <workspace>"),
            row("fallback", "ok", "none is set: where the provider fails, the turn does"),
            row("mcp", "ok", "no server is configured"),
            row("terminal", "ok", "stdout is no terminal; encoding utf-8"),
        ],
    }
    assert (played.status, played.stderr) == (0, "")
    assert server.chats == []
    assert sorted(path.name for path in program.workspace.iterdir()) == [".mcp.json"]
    assert not program.home.exists()


def test_a_dead_server_is_a_fault_with_the_command_that_mends_it(program: Program) -> None:
    port = closed_port()
    played = examine(program, OLLAMA_HOST=f"127.0.0.1:{port}", PATH="/nonexistent")
    assert played.status == 1
    lines = played.stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("FAULT   route"))
    said = lines[at].split(None, 2)[2].removesuffix(" in this container, which is not the host")
    assert said == f"127.0.0.1, port {port}: connection refused: nothing listens there"
    assert lines[at + 1].strip().startswith("> ")
    assert re.search(r"^-       model +the server cannot be reached$", played.stdout, re.MULTILINE)
    assert re.search(r"^1 fault", lines[-1])


def test_a_model_that_is_not_pulled_is_named_with_those_that_are(program: Program) -> None:
    from_show = as_json({"error": "model 'other' not found"})
    show = type(from_show)(from_show.pieces, 404)
    with FakeOllama(tags=TAGS, show=show) as server:
        played = examine(program, "--json", "-m", "other", OLLAMA_BASE_URL=server.url)
    assert played.status == 1
    assert checks(played)["model"] == row(
        "model", "fault", "other is not pulled; pulled are: fake:latest", "ollama pull other"
    )
    assert checks(played)["window"]["verdict"] == "not_checked"


@pytest.mark.parametrize(
    "plan",
    [
        [Wait()],
        [b"SSH-2.0-OpenSSH_9.9\r\n", Wait()],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", Wait()],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n", Flood(b"[" * 65536, 200_000)],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Flood(b"1\r\n \r\n", 10_000, pause_s=0.05)],
    ],
    ids=["silent", "another protocol", "another server", "ten gigabytes", "a byte at a time"],
)
def test_a_server_that_lies_is_told_in_time_and_in_words(program: Program, plan: list[Any]) -> None:
    paths = ("/api/version", "/api/tags", "/api/ps", "/api/show")
    with FaultServer(routes=dict.fromkeys(paths, plan)) as server:
        played = examine(program, "--json", OLLAMA_BASE_URL=server.url)
    server_row = checks(played)["server"]
    assert (played.status, played.stderr) == (1, "")
    assert server_row["verdict"] == "fault"
    assert server_row["remedy"]
    assert {checks(played)[name]["verdict"] for name in ("model", "window", "processor")} == {"not_checked"}


def test_what_cannot_be_used_is_said_and_the_rest_is_looked_at(program: Program) -> None:
    config = program.home / "config"
    config.mkdir(parents=True)
    (config / ".env").write_text("OPENAI_API_KEY=sk-0123456789abcdefghijklmn\nnot a line\n", encoding="utf-8")
    (config / ".env").chmod(0o600)
    played = examine(
        program, "--json", "-C", "/no/such/folder",
        OLLAMA_HOST=f"http://127.0.0.1:{closed_port()}", OLLAMA_CONTEXT_LENGTH="many", LLM_PROVIDER="nobody",
    )  # fmt: skip
    found = checks(played)
    assert played.status == 1
    assert found["settings"]["verdict"] == "fault"
    assert found["settings"]["detail"].startswith(
        "-C: /no/such/folder does not exist: name an existing folder with -C; there is no provider 'nobody'"
    )
    assert found["workspace"] == row("workspace", "not_checked", "there is none that can be used")
    assert found["lock"]["verdict"] == "not_checked"
    assert found[".env"] == row(
        ".env",
        "fault",
        f"{config}/.env: line 2 cannot be understood, and is passed over",
        f"${{EDITOR:-vi}} +2 {config}/.env",
    )
    assert found["keys"]["detail"] == "OPENAI_API_KEY (.env)"
    assert "sk-0123456789" not in played.stdout
    assert "Traceback" not in played.stderr


def test_a_workspace_that_holds_our_own_folder_is_said_to_be_refused(program: Program) -> None:
    played = examine(program, "--json", PY_MONO_HOME=str(program.workspace / "inside"))
    assert played.status == 1
    assert "holds py-mono's own folder" in checks(played)["settings"]["detail"]


def test_a_place_without_a_home_and_with_a_store_that_is_damaged(program: Program, tmp_path: Path) -> None:
    program.write({"a.txt": "one\n"})
    program.run("-p", "x", script='call: write_file {"path": "b.txt", "content": "two"}\n---\ntext: ok')
    (store,) = (program.home / "state" / "checkpoints").iterdir()
    with FakeOllama(tags=TAGS) as server:
        found = checks(examine(program, "--json", OLLAMA_HOST=server.url))["checkpoints"]
        assert found["verdict"] == "ok"
        assert re.match(r"2 checkpoints, .*, the oldest of today; of all workspaces ", found["detail"])
        (store / "pack").write_bytes(b"\x00garbage" * 100)
        found = checks(examine(program, "--json", OLLAMA_HOST=server.url))["checkpoints"]
        assert found["verdict"] in {"ok", "fault"}
        played = examine(program, "--json", OLLAMA_HOST=server.url, HOME=str(tmp_path / "none"), PY_MONO_HOME="")
    assert "Traceback" not in played.stderr
    assert checks(played)["folders"]["detail"].endswith("will be made when it is needed")


def test_a_folder_that_cannot_be_made_is_a_fault(program: Program) -> None:
    with FakeOllama(tags=TAGS) as server:
        played = examine(program, "--json", OLLAMA_HOST=server.url, PY_MONO_HOME="/dev/null/none")
    found = checks(played)["folders"]
    assert (played.status, found["verdict"], found["remedy"]) == (1, "fault", "export PY_MONO_HOME=/a/folder/of/yours")


def test_a_cloud_is_looked_for_and_not_asked(program: Program) -> None:
    with FaultServer() as server:
        played = examine(
            program, "--json", "--provider", "litellm", "-m", "groq/qwen/qwen3-32b",
            GROQ_API_KEY="gsk_0123456789abcdefghij", GROQ_BASE_URL=server.url,
        )  # fmt: skip
        missing = examine(program, "--json", "--provider", "litellm", "-m", "groq/qwen/qwen3-32b")
        assert server.asked == []
    found = checks(played)
    assert played.status == 0
    assert found["model"] == row("model", "ok", "groq/qwen/qwen3-32b: GROQ_API_KEY is set")
    assert found["route"]["detail"].endswith("takes connections; it was not asked anything")
    assert found["server"]["verdict"] == "not_checked"
    assert missing.status == 1
    assert "GROQ_API_KEY is not set" in checks(missing)["model"]["detail"]


def test_settings_that_make_no_sense_are_a_fault_and_not_the_end(program: Program) -> None:
    config = program.home / "config"
    config.mkdir(parents=True)
    (config / "config.toml").write_text("[checkpoints\n", encoding="utf-8")
    played = examine(program, "--json", OLLAMA_HOST=f"127.0.0.1:{closed_port()}")
    assert (played.status, checks(played)["settings"]["verdict"]) == (1, "fault")
    assert "config.toml" in checks(played)["settings"]["detail"]
    assert checks(played)["workspace"]["verdict"] != "not_checked"


def test_a_workspace_whose_name_is_no_text(program: Program) -> None:
    folder = os.fsencode(program.workspace) + b"/odd-\xff"
    os.mkdir(folder)
    as_json_ = examine(program, "--json", "-C", os.fsdecode(folder), OLLAMA_HOST=f"127.0.0.1:{closed_port()}")
    as_text = examine(program, "-C", os.fsdecode(folder), OLLAMA_HOST=f"127.0.0.1:{closed_port()}")
    assert "odd-\ufffd" in checks(as_json_)["workspace"]["detail"]
    assert "odd-\ufffd" in as_text.stdout
    assert (as_json_.stderr, as_text.stderr) == ("", "")


def test_a_reader_that_has_enough_is_no_failure_of_ours(program: Program) -> None:
    words = shlex.join(program.command("doctor"))
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {words} | head -c 1"],
        cwd=program.workspace,
        env=program.environment(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == (b"o", b"")


def test_a_password_in_the_address_is_not_shown(program: Program) -> None:
    url = f"http://me:hunter2hunter2@127.0.0.1:{closed_port()}"
    played = examine(program, "--json", OLLAMA_BASE_URL=url, OLLAMA_HOST="http://me:otherother@127.0.0.2:1")
    assert "hunter2" not in played.stdout
    assert "otherother" not in played.stdout
    assert checks(played)["address"]["verdict"] == "warning"


def test_a_usage_error_is_2(program: Program) -> None:
    assert program.run("doctor", "--jason").status == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_workspace_of_another_user_and_the_lock_of_that_user(program: Program) -> None:
    os.chown(program.workspace, 1234, 1234)
    program.workspace.parent.chmod(0o755)
    with FakeOllama(tags=TAGS) as server:
        found = checks(examine(program, "--json", OLLAMA_HOST=server.url))
    assert found["workspace"]["detail"].endswith("we are user 0; tools run as user 1234")
