"""The containers: every service is hardened, the seccomp profiles are what their script makes, and no secret is asked into a file."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped] # read here alone

from py_mono.sandbox import kernel

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
AGENT = "py-coding-agent"
PROFILES = ("seccomp.json", "seccomp-server.json")
SECRET = re.compile(r"_KEY$|TOKEN|PASSWORD")


def profile(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((ROOT / "docker" / name).read_text(encoding="utf-8"))
    return read


def allowed(name: str) -> set[str]:
    rules = profile(name)["syscalls"]
    return {call for rule in rules if rule["action"] == "SCMP_ACT_ALLOW" for call in rule["names"]}


def values(name: str, call: str) -> set[int]:
    """What its one argument that is looked at may be."""
    rules = [rule for rule in profile(name)["syscalls"] if call in rule["names"]]
    tests = [rule["args"] for rule in rules]
    assert all(len(test) == 1 and test[0]["op"] == "SCMP_CMP_MASKED_EQ" for test in tests)
    return {test[0]["valueTwo"] for test in tests}


def test_the_profiles_are_what_their_script_makes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "docker/seccomp.py", str(tmp_path)], cwd=ROOT, check=True)
    for name in PROFILES:
        assert (tmp_path / name).read_bytes() == (ROOT / "docker" / name).read_bytes(), "run: python3 docker/seccomp.py"


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_names_what_is_allowed(name: str) -> None:
    assert profile(name)["defaultAction"] == "SCMP_ACT_ERRNO"
    assert [arch["subArchitectures"] for arch in profile(name)["archMap"]] == [[], []]
    dangerous = {"ptrace", "process_vm_readv", "bpf", "keyctl", "userfaultfd", "io_uring_setup", "setns", "clone3",
                 "fsopen", "fsmount", "perf_event_open", "open_by_handle_at", "chroot", "init_module"}  # fmt: skip
    assert allowed(name) & dangerous == set()


def test_what_the_agent_may_do_beside_the_servers_is_its_entrypoints_and_its_locks() -> None:
    ids = {"capset", "setgid", "setgroups", "setregid", "setresgid", "setresuid", "setreuid", "setuid"}
    landlock = {"landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self"}
    spaces = {"mount", "mount_setattr", "move_mount", "open_tree", "pivot_root", "umount2", "unshare"}
    assert allowed("seccomp.json") - allowed("seccomp-server.json") == ids | landlock | spaces
    assert allowed("seccomp-server.json") - allowed("seccomp.json") == set()


@pytest.mark.parametrize("name", PROFILES)
def test_of_netlink_only_addresses_can_be_asked_for(name: str) -> None:
    rules = [rule["args"] for rule in profile(name)["syscalls"] if rule["names"] == ["socket"]]
    families = {tuple((test["index"], test["valueTwo"]) for test in rule) for rule in rules}
    assert families == {((0, 1),), ((0, 2),), ((0, 10),), ((0, 16), (2, 0))}


def test_the_inner_locks_calls_go_through_as_it_makes_them() -> None:
    always = kernel.CLONE_NEWNS | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS | kernel.CLONE_NEWUSER
    pids, network = kernel.CLONE_NEWPID, kernel.CLONE_NEWNET
    assert values("seccomp.json", "unshare") == {always, always | pids, always | network, always | pids | network}
    no_devices = kernel.MS_NOSUID | kernel.MS_NODEV
    assert values("seccomp.json", "mount") == {
        kernel.MS_REC | kernel.MS_PRIVATE,
        no_devices,
        kernel.MS_NOSUID | kernel.MS_NOEXEC,
        no_devices | kernel.MS_NOEXEC,
    }


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_hardened(name: str) -> None:
    service = SERVICES[name]
    own = "seccomp.json" if name == AGENT else "seccomp-server.json"
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true", f"seccomp:./docker/{own}"]
    assert service["read_only"] is True
    assert service["init"] is (name != AGENT)
    assert service["pids_limit"] <= 1024
    assert service["mem_limit"] == service["memswap_limit"]
    assert service["cpu_quota"] in {100000, 200000} or name == "ollama"
    assert service["ulimits"] == {"core": 0}
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "2"}
    loose = {"cap_add", "devices", "ipc", "network_mode", "pid", "ports", "privileged", "userns_mode", "volumes_from"}
    assert loose & set(service) == ({"cap_add"} if name == AGENT else set())
    assert "docker.sock" not in str(service)


def test_the_agent_has_what_its_entrypoint_gives_up() -> None:
    assert SERVICES[AGENT]["cap_add"] == ["CHOWN", "SETGID", "SETPCAP", "SETUID"]
    script = (ROOT / "docker" / "entrypoint.sh").read_text(encoding="utf-8")
    assert "--bounding-set -all" in script
    assert script.endswith('exec tini -s -- py-mono "$@"\n')


def test_the_network_of_the_servers_is_internal_and_the_agent_waits_for_none() -> None:
    assert COMPOSE["networks"]["mcp"]["internal"] is True
    assert COMPOSE["networks"]["mcp"]["driver_opts"] == {"com.docker.network.bridge.inhibit_ipv4": "true"}
    assert SERVICES["datetime-mcp"]["networks"] == ["mcp"]
    assert SERVICES[AGENT]["depends_on"] == ["datetime-mcp"]
    servers = {name for name in SERVICES if name.endswith("-mcp")}
    assert {name for name in servers if "models" in SERVICES[name]["networks"]} == set()
    assert {name for name in servers if "profiles" not in SERVICES[name]} == {"datetime-mcp"}


def test_the_images_begin_with_the_base_that_compose_names() -> None:
    (base,) = set(re.findall(r"\$\{BASE_IMAGE:-([^}]+)\}", TEXT))
    for service in SERVICES.values():
        if "build" in service:
            lines = (ROOT / service["build"]["dockerfile"]).read_text(encoding="utf-8").splitlines()
            assert f"ARG BASE_IMAGE={base}" in lines
            assert not [
                line for line in lines if re.match(r"# *syntax=|RUN +--mount|(ARG|ENV) .*(KEY|TOKEN|SECRET)", line)
            ]


def test_the_example_of_settings_names_all_there_are_and_no_secret() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    named = {match[1] for line in lines if (match := re.match(r"#?([A-Z_]+)=", line))}
    filled_in = set(re.findall(r"\$\{([A-Z_]+)", TEXT))
    passed = {
        name for service in SERVICES.values() for name, value in service.get("environment", {}).items() if value is None
    }
    assert filled_in <= named
    assert named <= filled_in | passed
    assert {name for name in named if SECRET.search(name)} == set()


def test_what_is_sent_to_the_builder_is_listed() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    assert lines[0] == "*"
    back = {line[1:] for line in lines if line.startswith("!")}
    assert not {name for name in back if name.startswith((".", "workspace", "dynamic_tools", "docker/no"))}
    assert "**/.env" in lines


def test_where_no_secret_is_named_an_empty_one_is_mounted() -> None:
    assert (ROOT / "docker" / "no-master-key").read_bytes() == b""
    assert COMPOSE["secrets"]["llm_master_key"]["file"] == "${LLM_MASTER_KEY_FILE:-./docker/no-master-key}"
