"""What people do with the containers: build, start, ask, and find their files to be theirs."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.docker.stack import AGENT, DATETIME, MASTER_KEY, Answer, Stack, Terminal, docker, inspect

IMAGE_LIMIT = 500 * 10**6
NOW = "call: get_current_datetime {}\n---\n"


def size(image: str) -> int:
    return int(inspect(image)["Size"])


@pytest.mark.parametrize("service", [AGENT, DATETIME])
def test_an_image_is_at_most_500_mb_on_top_of_its_base(stack: Stack, service: str) -> None:
    added = size(stack.image(service)) - size(os.environ["BASE_IMAGE"])
    print(f"{service}: {added / 10**6:.0f} MB on top of the base of {size(os.environ['BASE_IMAGE']) / 10**6:.0f} MB")
    assert 0 < added <= IMAGE_LIMIT


@pytest.mark.parametrize("service", [AGENT, DATETIME])
def test_the_master_key_of_who_built_it_is_nowhere_in_an_image(stack: Stack, service: str) -> None:
    described = docker("history", "--no-trunc", stack.image(service)) + docker("inspect", stack.image(service))
    assert MASTER_KEY not in described
    assert "LLM_MASTER_KEY=" not in described
    with subprocess.Popen(["docker", "save", stack.image(service)], stdout=subprocess.PIPE) as saving:
        assert saving.stdout is not None
        kept = b""
        while block := saving.stdout.read(1 << 20):
            assert MASTER_KEY.encode() not in kept + block
            kept = block[-len(MASTER_KEY) :]
    assert saving.returncode == 0


def test_the_prompt_comes_and_its_time_is_told(stack: Stack) -> None:
    terminal = Terminal(stack, stack.workspace())
    try:
        shown = terminal.prompt()
        started = docker("inspect", "--format", "{{.State.StartedAt}}", terminal.container).strip()
        # Seconds with nine digits, which GNU date reads and Python 3.11 does not.
        began = float(subprocess.run(["date", "-d", started, "+%s.%N"], stdout=subprocess.PIPE, check=True).stdout)
        print(f"the prompt stood on the screen {shown - began:.2f} s after the container was started")
        assert shown > began
    finally:
        terminal.close()


def test_the_demo_repairs_its_project_in_the_container(stack: Stack) -> None:
    printed = stack.compose("run", "--rm", "-T", AGENT, "demo", workspace=stack.workspace())
    assert "4 passed" in printed


def test_the_time_comes_from_the_server_over_the_network(stack: Stack) -> None:
    (result,) = stack.ask(stack.workspace(), f"{NOW}text: done\n").results("get_current_datetime")
    assert not result["is_error"], result
    assert docker("exec", stack.container(DATETIME), "date", "-u", "+%Y-%m").strip() in result["content"]


@pytest.mark.parametrize("owner", [(1000, 1000), (0, 0), (4321, 8765)], ids=["1000", "root", "another"])
def test_what_the_agent_writes_belongs_to_who_owns_the_workspace(stack: Stack, owner: tuple[int, int]) -> None:
    if os.geteuid() != 0:
        owner = (os.getuid(), os.getgid())
    workspace = stack.workspace(owner, given__txt="one\n")
    answer = stack.ask(
        workspace,
        'call: write_file {"path": "made/by/tool.txt", "content": "two"}\n'
        'call: edit_file {"path": "given.txt", "old_content": "one", "new_content": "three"}\n'
        'call: shell {"command": "mkdir shell && touch shell/made.txt"}\n'
        "---\ntext: done\n",
    )
    assert [event["result"]["is_error"] for event in answer.events if event["type"] == "tool_finished"] == [False] * 3
    made = [path for path in workspace.rglob("*") if path.name != "script.txt"]
    assert {"tool.txt", "given.txt", "made.txt"} <= {path.name for path in made}
    assert {(path.lstat().st_uid, path.lstat().st_gid) for path in made} == {owner}


def wait_in_the_middle(number: int) -> str:
    """A step that lasts until the test says so."""
    return f'call: shell {{"command": "touch at-{number}; until [ -e go-{number} ]; do sleep 0.05; done"}}\n---\n'


@pytest.fixture(scope="module")
def disturbed(stack: Stack) -> Answer:
    """A session in which the server is started anew, and then killed."""
    workspace = stack.workspace(
        script__txt=f"{NOW}{wait_in_the_middle(1)}{NOW}{wait_in_the_middle(2)}{NOW}text: all that is done\n"
    )
    workspace.chmod(0o777)
    command = stack.command(
        "run", "--rm", "-T", "-e", "PY_MONO_SCRIPT=/workspace/script.txt", "-e", "LLM_PROVIDER=scripted"
    )
    with subprocess.Popen(
        [*command, AGENT, "-p", "go on", "--output-format", "stream-json"],
        cwd=Path(__file__).parents[2],
        env=stack.environment(workspace),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as session:
        until_there(workspace / "at-1", session)
        stack.compose("restart", DATETIME)
        stack.until_healthy(DATETIME)
        (workspace / "go-1").touch()
        until_there(workspace / "at-2", session)
        stack.compose("kill", DATETIME)
        (workspace / "go-2").touch()
        printed, errors = session.communicate(timeout=120)
    stack.up(DATETIME)
    assert session.returncode == 0, printed[-3000:] + errors[-3000:]
    return Answer(printed.splitlines())


def until_there(path: Path, session: "subprocess.Popen[str]") -> None:
    while not path.exists():
        try:
            session.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        pytest.fail(f"the session ended before {path.name}: {session.communicate()}")


def test_a_server_that_is_started_anew_answers_again_in_the_same_session(disturbed: Answer) -> None:
    before, after, _ = disturbed.results("get_current_datetime")
    assert not before["is_error"], before
    assert not after["is_error"], after


def test_a_server_that_was_killed_is_an_error_that_names_it_and_the_session_goes_on(disturbed: Answer) -> None:
    *_, last = disturbed.results("get_current_datetime")
    assert last["is_error"]
    assert "datetime" in last["content"].replace("get_current_datetime", "")
    assert disturbed.end()["stop_reason"] == "end"


def test_nothing_is_published_on_the_host(stack: Stack) -> None:
    assert not any(inspect(stack.container(DATETIME))["NetworkSettings"]["Ports"].values())
