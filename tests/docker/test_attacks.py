"""What must not work: from the inner lock, from the agent's container around it, and from a server's."""

import re
from typing import Any

import pytest

from tests.docker.conftest import Findings
from tests.docker.stack import AGENT, DATETIME, MASTER_KEY, Stack, Terminal, docker, inspect

# The agent itself talks to its servers, to its model and to clouds, and holds the key.
THE_AGENTS_OWN = {
    "the datetime server",
    "the model's port of the host",
    "another port of the host",
    "the metadata address",
    "the host by its address",
    "names of the world",
    "a signal to the agent",
    "the agent's limits",
    *(f"the agent's {name}" for name in ("environ", "maps", "mem", "fd", "root/", "cwd/")),
    "the master key in an environment",
    "the master key as a file",
    "its own environment",
}
THE_SERVERS_OWN = {"the datetime server"}
NO_CAPABILITY = "0" * 16


def reached(findings: Findings, but: "set[str]" = frozenset()) -> dict[str, str]:  # type: ignore[assignment]
    return {
        name: outcome
        for name, outcome in findings["findings"].items()
        if outcome.startswith("REACHED") and name not in but
    }


def test_a_tool_reaches_nothing_it_must_not_from_the_lock(in_lock: Findings) -> None:
    assert reached(in_lock) == {}


def test_the_agents_container_holds_without_the_lock(in_container: Findings) -> None:
    assert reached(in_container, THE_AGENTS_OWN) == {}


def test_a_server_reaches_neither_the_world_nor_the_host(in_server: Findings) -> None:
    assert reached(in_server, THE_SERVERS_OWN) == {}


def test_the_agent_reaches_its_server_and_its_model_so_the_locks_refusals_mean_something(
    in_container: Findings,
) -> None:
    assert set(reached(in_container)) >= {"the datetime server", "the model's port of the host"}
    assert "the host answers" in in_container["findings"]["the model's port of the host"]


def test_a_tool_has_no_capability_and_gets_none(in_lock: Findings) -> None:
    status: dict[str, Any] = in_lock["status"]
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {NO_CAPABILITY}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def statuses(container: str, user: str) -> list[dict[str, str]]:
    """Of each process in a container, but the one that looks."""
    text = docker(
        "exec", "-u", user, container, "sh", "-c", "for s in /proc/[0-9]*/status; do cat $s; echo; done 2>/dev/null"
    )
    processes = [
        dict(line.split(":\t", 1) for line in part.splitlines()) for part in text.split("\n\n") if part.strip()
    ]
    return [process for process in processes if process["Name"] not in {"sh", "cat"}]


@pytest.mark.parametrize("service", ["the agent", DATETIME])
def test_no_process_of_a_container_has_a_capability_or_a_way_to_one(
    stack: Stack, terminal: Terminal, service: str
) -> None:
    container, user = (terminal.container, "1000") if service == "the agent" else (stack.container(DATETIME), "10001")
    found = statuses(container, user)
    assert found
    for process in found:
        sets = {name: process[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
        assert set(sets.values()) == {NO_CAPABILITY}, (process["Name"], sets)
        assert (process["NoNewPrivs"], process["Seccomp"]) == ("1", "2"), process["Name"]
        assert "0" not in process["Uid"].split(), process["Name"]


@pytest.mark.parametrize("service", ["the agent", DATETIME])
def test_a_container_has_limits_and_a_root_that_is_read_only(stack: Stack, terminal: Terminal, service: str) -> None:
    container = terminal.container if service == "the agent" else stack.container(DATETIME)
    settings = inspect(container)["HostConfig"]
    assert settings["ReadonlyRootfs"]
    assert not settings["Privileged"]
    assert settings["CapDrop"] == ["ALL"]
    assert settings["PidsLimit"] > 0
    assert settings["Memory"] == settings["MemorySwap"] > 0
    assert settings["CpuQuota"] > 0
    assert not settings["PidMode"]
    assert settings["IpcMode"] in {"private", "shareable"}
    assert any(option.startswith("seccomp=") and "unconfined" not in option for option in settings["SecurityOpt"])
    assert "docker.sock" not in str(inspect(container)["Mounts"])


def test_the_master_key_is_where_the_agent_is_and_in_no_server(stack: Stack, terminal: Terminal) -> None:
    assert MASTER_KEY in str(inspect(terminal.container)["Config"]["Env"])
    assert MASTER_KEY not in str(inspect(stack.container(DATETIME)))


def test_a_program_with_the_setuid_bit_gives_nothing(terminal: Terminal) -> None:
    found = docker(
        "exec", "-u", "1000", terminal.container, "sh", "-c", "find / -xdev -perm -4000 -type f 2>/dev/null; true"
    ).split()
    print(f"setuid programs in the image: {found}")
    gained = docker(
        "exec", "-u", "1000", terminal.container, "sh", "-c", "cp /usr/bin/id /tmp/id; chmod 6755 /tmp/id; /tmp/id -u"
    )
    assert gained.strip() == "1000"


def test_no_variable_keeps_the_agent_from_giving_up_what_root_may_do(stack: Stack) -> None:
    look = '{"command": "id -u; grep CapEff /proc/self/status"}'
    arguments = ("run", "--rm", "-T", "-e", "OWNER=0:0", AGENT, "tool", "--sandbox", "off", "shell", look)
    printed = stack.compose(*arguments, workspace=stack.workspace())
    assert re.search(r"^1000\nCapEff:\s+0{16}$", printed, re.MULTILINE), printed


def test_a_home_that_somebody_made_beforehand_is_not_used(stack: Stack) -> None:
    workspace = stack.workspace((4322, 4322))
    stack.compose("run", "--rm", "-T", "--entrypoint", "mkdir", AGENT, "-m", "777", "/state/4322", workspace=workspace)
    with pytest.raises(AssertionError, match="/state/4322 on the state volume is not a folder of user 4322 alone"):
        stack.compose("run", "--rm", "-T", AGENT, "--version", workspace=workspace)
