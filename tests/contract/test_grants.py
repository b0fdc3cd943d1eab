"""A call with a grant runs in a wider lock: no wider than was granted, and for that call alone."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from py_mono.protocol.ports import NOTHING, Grant
from py_mono.protocol.tools import Change, ToolCall
from tests.contract.branches import Place

READ, WRITE = "cat {0}/note", "echo more >> {0}/note"


class Outside:
    """A workspace, two folders outside it, and a server that the network alone leads to."""

    def __init__(self, base: Path) -> None:
        self.place = Place(base)
        self.branch = self.place.open("direct")
        self.granted, self.other = base / "granted", base / "other"
        for folder in (self.granted, self.other):
            folder.mkdir()
            (folder / "note").write_text("outside\n")
        self.server = socket.create_server(("127.0.0.1", 0))

    def reaches(self, grant: Grant) -> set[str]:
        """What a call can do."""
        port = self.server.getsockname()[1]
        tried = {
            "read": READ.format(self.granted), "write": WRITE.format(self.granted), "read other": READ.format(self.other),
            "write other": WRITE.format(self.other), "network": f"exec 3<>/dev/tcp/127.0.0.1/{port}",
        }  # fmt: skip
        found = set()
        for name, command in tried.items():
            before = [path.read_text() for path in (self.granted / "note", self.other / "note")]
            said = self.place.shell(self.branch, f"bash -c '{command}' 2>/dev/null && echo could", grant)
            did = "could" in said
            if "read" in name:  # inside, /tmp is another folder, in which there may be such a path
                did = "outside" in said
            elif "write" in name:
                did = before != [path.read_text() for path in (self.granted / "note", self.other / "note")]
            if did:
                found.add(name)
        return found


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    made = Outside(tmp_path)
    with contextlib.closing(made.server):
        yield made
        made.place.close()


@pytest.mark.parametrize("writes", [False, True])
def test_a_link_that_is_put_on_the_way_to_what_was_granted_leads_nowhere(outside: Outside, *, writes: bool) -> None:
    """As a background command could that may change a folder above it, while the question is open."""
    path = outside.granted / "sub"
    path.symlink_to(outside.other)
    grant = Grant(writes=(str(path),)) if writes else Grant(reads=(str(path),))
    assert "outside" not in outside.place.shell(outside.branch, f"cat {path}/note {outside.other}/note", grant)
    assert outside.reaches(grant) == set()


def test_a_call_gets_what_was_granted_and_the_next_one_nothing(outside: Outside) -> None:
    folder = (str(outside.granted),)
    cases = [
        (Grant(reads=folder), {"read"}),
        (Grant(writes=folder), {"read", "write"}),
        (Grant(network=True), {"network"}),
        (Grant(network=True, reads=folder), {"network", "read"}),
    ]
    assert outside.reaches(NOTHING) == set()
    for grant, reached in cases:
        assert outside.reaches(grant) == reached, grant
        assert outside.reaches(NOTHING) == set()


def test_the_tools_that_name_paths_know_what_was_granted(outside: Outside) -> None:
    path = str(outside.granted / "note")
    read, write = ("read_file", {"path": path}), ("write_file", {"path": path, "content": "new\n"})
    place, branch = outside.place, outside.branch
    assert [result.is_error for result in place.call(branch, [read, write])] == [True, True]
    assert [result.is_error for result in place.call(branch, [read, write], Grant(reads=(str(outside.granted),)))] == [
        False, True,
    ]  # fmt: skip
    assert [result.is_error for result in place.call(branch, [read, write], Grant(writes=(str(outside.granted),)))] == [
        False, False,
    ]  # fmt: skip
    assert Path(path).read_text() == "new\n"


def test_what_a_wider_call_did_belongs_to_the_transaction(outside: Outside) -> None:
    place, branch = outside.place, outside.branch
    place.shell(branch, "echo 1 > wide", Grant(network=True))
    place.shell(branch, "echo 1 > narrow")
    assert place.runner.run(branch.changes()).changes == (Change("narrow", "added"), Change("wide", "added"))
    place.runner.run(branch.discard())
    assert place.state == {}


def test_the_same_grant_has_the_same_worker_and_all_of_them_end_with_the_sandbox(outside: Outside) -> None:
    place, branch, grant = outside.place, outside.branch, Grant(network=True)
    place.call(branch, [("shell", {"command": "sleep 600", "background": True})], grant)
    first, second = (place.shell(branch, "readlink /proc/self/ns/pid", grant) for _ in range(2))
    assert first == second != place.shell(branch, "readlink /proc/self/ns/pid")
    links = [worker.link for worker in place.sandbox.workers._workers.values()]
    assert len(links) == 2
    place.runner.run(place.sandbox.close())
    assert all(link.dead for link in links)


def test_many_grants_are_not_as_many_workers_and_one_with_a_background_command_is_kept(outside: Outside) -> None:
    place, branch = outside.place, outside.branch
    place.call(branch, [("shell", {"command": "sleep 600", "background": True})], Grant(network=True))
    grants = []
    for number in range(12):
        path = outside.granted / f"{number}"
        path.write_text(f"file {number}")
        grants.append(Grant(reads=(str(path),)))

    async def at_once() -> list[str]:
        calls = [
            branch.call(ToolCall(f"{number}", "read_file", {"path": grant.reads[0]}), lambda _: None, grant)
            for number, grant in enumerate(grants)
        ]
        return [result.content for result in await asyncio.gather(*calls)]

    for number, content in enumerate(place.runner.run(at_once())):
        assert f"file {number}" in content
    assert "file 0" in place.call(branch, [("read_file", {"path": grants[0].reads[0]})], grants[0])[0].content
    kept = place.sandbox.workers._workers
    assert len(kept) <= 7
    assert {NOTHING, Grant(network=True), grants[0]} <= kept.keys()
    assert not any(worker.link.dead for worker in kept.values())


def test_a_grant_that_no_lock_can_be_had_for_is_a_result_and_the_turn_goes_on(outside: Outside) -> None:
    place, branch = outside.place, outside.branch
    missing = Grant(writes=(str(outside.granted / "missing"),))
    assert place.shell(branch, f"touch {outside.granted}/missing; echo went on", missing).endswith("went on")
    assert not os.path.exists(outside.granted / "missing")
    assert place.shell(branch, "echo on") == "on"


def test_a_wider_worker_of_a_copy_works_on_the_copy(tmp_path: Path) -> None:
    with Place(tmp_path) as place:
        branch = place.open("scratch")
        assert place.shell(branch, "pwd; echo 1 > f", Grant(network=True)) == str(place.workspace)
        assert place.runner.run(branch.changes()).changes == (Change("f", "added"),)
        place.runner.run(branch.close())
        assert place.state == {}
