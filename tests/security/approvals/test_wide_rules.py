"""What a remembered rule must not speak for: lines that look like the one that was agreed to, and reach or start something else."""

from pathlib import Path

import pytest

from tests.security.approvals.test_needs import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("line", [
    # options that stand together, or with their value, and say what is started
    "ssh -F./evil example.org", "ssh -vF example.org x", "ssh -I ./evil.so example.org", "rsync -ae ./evil example.org:x .",
    "rsync -e./evil example.org:x .", "scp -S./evil a example.org:b", "sftp -D./evil example.org", "mosh --ssh=./evil example.org",
    "ncat example.org 80 -c ./evil", "npx --call=./evil create-thing", "uvx --from=evil create-thing",
    # programs that start what they read
    "echo '!./evil' | sftp example.org", "echo '!./evil' | ftp example.org", "kubectl get pods", "terraform init",
    # options that mean another thing to wget than to curl, so that an address is taken for a value, or a file for an address
    "wget -i example.org", "wget -H http://evil.example http://example.org", "wget -m http://evil.example http://example.org",
    "w3m -o http_proxy=http://evil.example example.org", "nc -x evil.example:1 example.org 80",
    "dig example.org @evil.example", "ping -c 1 example.org", "gh --hostname evil.example pr list",
    # addresses that two programs may split in two ways
    "wget 'http://evil.example;@example.org/'", "curl 'http://evil.example\\@example.org/'",
])  # fmt: skip
def test_no_rule_speaks_for_what_starts_something_or_may_talk_to_another_machine(machine: Machine, line: str) -> None:
    assert [need.keys for need in machine.shell(line).asked] == [()]


@pytest.mark.parametrize(
    "address", ["evil.example#@example.org/", "evil.example?@example.org/", "evil.example/@example.org"]
)
def test_the_machine_of_an_address_without_a_scheme_ends_where_curl_ends_it(machine: Machine, address: str) -> None:
    assert [need.keys for need in machine.shell(f"curl '{address}'").asked] == [("curl evil.example",)]


def test_a_program_planted_for_another_one_to_start_is_asked_about_anew(machine: Machine) -> None:
    line = "rsync -a example.org:x ."
    assert [need.keys for need in machine.shell(line).asked] == [("rsync example.org",)]
    machine.program("projects/mine/.venv/bin", "ssh")
    planted = machine.workspace / ".venv/bin/ssh"
    assert [need.keys for need in machine.shell(line).asked] == [(f"rsync example.org ({planted})",)]


def test_an_alias_of_gh_that_a_command_left_is_asked_about_anew(machine: Machine) -> None:
    (machine.base / "private/home/.config/gh").mkdir(parents=True)
    assert [need.keys for need in machine.shell("gh pr list").asked] != [("gh pr",)]
