import socket
from typing import Any

import pytest

from py_mono.llm.http.endpoint import parse_endpoint
from py_mono.llm.settings import ProviderSettings
from py_mono.ui.doctor.findings import Finding
from py_mono.ui.doctor.route import address, listening_command, route, start_command
from tests.servers.faults import FaultServer
from tests.ui.doctor.cases import case

GATEWAY = "http://host.docker.internal:11434"


def bound(url: str) -> ProviderSettings:
    return ProviderSettings(base_url=url)


@pytest.mark.parametrize(
    ("environment", "used", "members", "expected"),
    [
        ({}, "", {}, Finding("address", "ok", "http://localhost:11434 (the default)")),
        ({}, GATEWAY, {"container": True}, Finding("address", "ok", f"{GATEWAY} (the default in a container)")),
        ({"OLLAMA_HOST": "gpu:1"}, "gpu:1", {}, Finding("address", "ok", "http://gpu:1 (OLLAMA_HOST)")),
        (
            {"OLLAMA_HOST": "gpu:1"}, "gpu:1", {"environ": {}},
            Finding("address", "ok", "http://gpu:1 (OLLAMA_HOST of .env)"),
        ),
        (
            {"OLLAMA_BASE_URL": "http://gpu:1", "OLLAMA_HOST": "gpu:1"}, "http://gpu:1", {},
            Finding("address", "ok", "http://gpu:1 (OLLAMA_BASE_URL)"),
        ),
        (
            {"OLLAMA_BASE_URL": "http://a:1", "OLLAMA_HOST": "me:pw@b:2", "OLLAMA_API_BASE": "//"}, "http://a:1", {},
            Finding(
                "address", "warning",
                "http://a:1 (OLLAMA_BASE_URL); not used: OLLAMA_HOST=…@b:2, OLLAMA_API_BASE=//",
                "unset OLLAMA_HOST OLLAMA_API_BASE",
            ),
        ),
    ],
    ids=["nothing set", "in a container", "one", "of the file", "two that agree", "three that do not"],
)  # fmt: skip
def test_which_variable_won(environment: dict[str, str], used: str, members: dict[str, Any], expected: Finding) -> None:
    assert address(case(environment, provider=bound(used), **members))[0] == expected


async def test_a_name_that_nobody_knows() -> None:
    found = await route(case(), parse_endpoint("http://no.such.host.invalid:1"))
    assert found.detail.startswith("the name no.such.host.invalid is not known: ")
    assert (found.verdict, found.remedy) == ("fault", "export OLLAMA_BASE_URL=http://localhost:11434")
    found = await route(case({"OLLAMA_HOST": "no.such"}), parse_endpoint("http://no.such.host.invalid:1"))
    assert found.remedy == "export OLLAMA_HOST=http://localhost:11434"  # the variable that wins


async def test_the_host_of_a_container_without_a_name_needs_a_flag() -> None:
    found = await route(case(container=True), parse_endpoint(GATEWAY))
    if found.verdict == "fault":  # elsewhere the name is known
        assert "--add-host=host.docker.internal:host-gateway" in found.remedy or "0.0.0.0" in found.remedy


async def test_a_port_that_nobody_listens_at_and_one_that_somebody_does() -> None:
    with FaultServer() as server:
        endpoint = parse_endpoint(server.url)
        there = await route(case(), endpoint)
        assert server.asked == []
    gone = await route(case(), endpoint, which=lambda _: None)
    assert there == Finding("route", "ok", f"127.0.0.1, port {endpoint.port} takes connections")
    assert gone == Finding(
        "route",
        "fault",
        f"127.0.0.1, port {endpoint.port}: connection refused: nothing listens there",
        "curl -fsSL https://ollama.com/install.sh | sh",
    )


async def test_a_queue_that_is_full_ends_in_time() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.settimeout(0)
            one.connect_ex(("127.0.0.1", port))
        found = await route(case(), parse_endpoint(f"http://127.0.0.1:{port}"), limit_s=0.2)
        for one in waiting:
            one.close()
    assert found.detail == f"127.0.0.1, port {port}: no connection in time"


async def test_a_proxy_is_what_is_looked_for() -> None:
    proxied = case({"HTTP_PROXY": "http://127.0.0.1:9"})
    found = await route(proxied, parse_endpoint("http://10.1.1.1:1"))
    assert found == Finding(
        "route",
        "fault",
        "127.0.0.1 (the proxy http://127.0.0.1:9): connection refused: nothing listens there",
        "export NO_PROXY=10.1.1.1",
    )
    unfit = await route(case({"HTTP_PROXY": "https://127.0.0.1:9"}), parse_endpoint("http://10.1.1.1:1"))
    assert (unfit.verdict, unfit.remedy) == ("fault", "export NO_PROXY=10.1.1.1")


@pytest.mark.parametrize(
    ("url", "container", "words"),
    [
        ("localhost", False, "ollama serve"),
        ("localhost", True, f"export OLLAMA_HOST={GATEWAY}"),
        (GATEWAY, True, "OLLAMA_HOST=0.0.0.0 ollama serve"),
        ("http://gpu.lan:1", False, "export OLLAMA_HOST=http://localhost:11434"),
    ],
)
def test_what_makes_it_listen(url: str, *, container: bool, words: str) -> None:
    there = parse_endpoint(url)
    said = listening_command(there, "OLLAMA_HOST", container=container, which=lambda name: f"/bin/{name}")
    assert said.startswith((words, "sudo systemctl start ollama" if words == "ollama serve" else words))


def test_a_machine_without_ollama_installs_it_first() -> None:
    assert start_command(lambda _: None) == "curl -fsSL https://ollama.com/install.sh | sh"
