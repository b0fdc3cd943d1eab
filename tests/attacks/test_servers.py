"""What a hostile MCP server may try from its own lock: each attack is one where it runs bare, and none gets through."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from py_mono.sandbox.landlock import SCOPE_ABI, abi
from py_mono.sandbox.profile import LAYERS
from py_mono.sandbox.program import FOLDER
from py_mono.utils.digests import blake2b
from tests.sandbox.locking import REPOSITORY, USERS, Arena

AGENT = Path(__file__).with_name("server_agent.py")
START = """
import ctypes, json, os, signal, socket, sys
facts = json.loads(sys.argv[1])
def read(path):
    try:
        print(open(path).read())
    except OSError as error:
        print(type(error).__name__)
def did(act):
    try:
        act()
        print("PWNED")
    except OSError as error:
        print(type(error).__name__)
"""
ATTACKS = {
    "read a key of the person's": 'read(facts["home"] + "/.ssh/id_ed25519")',
    "list the person's home": 'did(lambda: os.stat(facts["home"] + "/.ssh"))',
    "read the stored keys": 'read(facts["workspace"] + "/.keys.enc")',
    "read the file of a master key": 'read(facts["workspace"] + "/master.key")',
    "read a session of py-mono's": 'read(facts["state"] + "/sessions/one.jsonl")',
    "plant an approval": 'did(lambda: open(facts["state"] + "/approvals/planted", "w"))',
    "read another server's home": 'read(facts["other"] + "/token")',
    "plant something in another server's home": 'did(lambda: open(facts["other"] + "/.npmrc", "a"))',
    "read the agent's environment from its own": 'print(os.environ.get("LLM_MASTER_KEY", "none"))',
    "read the agent's environment from /proc": "read(f\"/proc/{facts['agent']}/environ\")",
    "read the agent's memory map": 'did(lambda: open("/proc/%d/maps" % facts["agent"]).read(1))',
    "signal the agent": 'did(lambda: os.kill(facts["agent"], signal.SIGUSR1))',
    "trace the agent": """
libc = ctypes.CDLL(None, use_errno=True)
print("PWNED" if libc.ptrace(0x4206, facts["agent"], None, None) == 0 else os.strerror(ctypes.get_errno()))
""",
    "write the workspace": 'did(lambda: open(facts["workspace"] + "/planted", "w"))',
    "change a mode in the workspace": 'did(lambda: os.chmod(facts["workspace"] + "/own", 0o777))',
    "reach a service of the machine's by its socket": 'did(lambda: socket.socket(1).connect(facts["socket"]))',
    "reach a service by its abstract name": 'did(lambda: socket.socket(1).connect("\\0" + facts["abstract"]))',
    "reach the machine's loopback": 'did(lambda: socket.create_connection(("127.0.0.1", facts["port"])))',
    "send a datagram": 'did(lambda: socket.socket(2, 2).sendto(b"PWNED", ("127.0.0.1", facts["port"])))',
    "use the agent's descriptors": """
for name in os.listdir("/proc/self/fd"):
    try:
        if int(name) > 2 and os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
            os.write(int(name), b"PWNED")
    except OSError:
        pass
""",
    "make namespaces": 'did(lambda: os.unshare(0x10000000) if hasattr(os, "unshare") else syscall())'.replace(
        "syscall()", "exec('import errno\\nif ctypes.CDLL(None, use_errno=True).unshare(0x10000000): raise OSError(1)')"
    ),
}
UNHEARD = {"use the agent's descriptors", "make namespaces", "send a datagram"}
"""What arrives is seen at the agent's end; what namespaces come to bare is the machine's own choice."""
SECRETS = ("PWNED", "secret")


class World(Arena):
    """The arena, with what a session of py-mono's has around it."""

    def __init__(self, base: Path, user: int) -> None:
        self.home, self.state = base / "home", base / "home/.local/state/py-mono"
        self.servers = self.state / FOLDER / blake2b(os.fsencode(str(base / "workspace")), digest_size=16).hexdigest()
        for folder in (self.home / ".ssh", self.state / "sessions", self.state / "approvals", self.servers / "other"):
            folder.mkdir(parents=True)
        (self.home / ".ssh/id_ed25519").write_text("secret")
        (self.state / "sessions/one.jsonl").write_text("secret")
        (self.servers / "other/token").write_text("secret")
        super().__init__(base, user)
        (self.workspace / "master.key").write_text("secret")
        os.chown(self.workspace / "master.key", user, user)

    def carry_out(self, *, bare: bool = False, backend: str = "auto", layers: tuple[str, ...] = LAYERS, network: bool = False) -> dict[str, str]:  # fmt: skip
        """What each attack came to."""
        name = os.urandom(4).hex()
        facts = {
            "home": str(self.home), "workspace": str(self.workspace), "state": str(self.state),
            "other": str(self.servers / "other"), "socket": f"{self.outside}/{name}", "abstract": name,
        }  # fmt: skip
        job: dict[str, Any] = {
            "bare": bare, "backend": backend, "layers": layers, "network": network, "workspace": str(self.workspace),
            "state": str(self.state), "socket": facts["socket"], "abstract": name, "facts": facts,
            "attacks": {name: START + source for name, source in ATTACKS.items()},
        }  # fmt: skip
        environment = {
            "PATH": "/usr/bin:/bin", "HOME": str(self.home), "LLM_MASTER_KEY": "secret", "TMPDIR": str(self.private),
            "LLM_MASTER_KEY_FILE": f"{self.workspace}/master.key",
        }  # fmt: skip
        changes = os.geteuid() == 0 and self.user
        done = subprocess.run(
            [self.python(), "-I", "-S", str(AGENT), str(REPOSITORY), json.dumps(job)],
            env=environment, capture_output=True, text=True, check=False, cwd="/", timeout=300,
            user=self.user if changes else None, group=self.user if changes else None,
            extra_groups=[] if changes else None,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        outcomes: dict[str, str] = json.loads(done.stdout)
        return outcomes


@pytest.fixture(params=USERS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="servers-", dir="/var/tmp") as name:
        base = Path(os.path.realpath(name))
        base.chmod(0o755)
        yield World(base, request.param)


def through(outcomes: dict[str, str]) -> set[str]:
    won = {name for name, said in outcomes.items() if any(secret in said for secret in SECRETS)}
    return won - {"send a datagram"}  # sent it is also to a loopback of one's own


def test_each_is_an_attack_where_the_server_runs_bare(world: World) -> None:
    outcomes = world.carry_out(bare=True)
    assert {name: outcomes[name] for name in set(outcomes) - through(outcomes) - UNHEARD} == {}


@pytest.mark.parametrize("backend", ["auto", "bubblewrap"])
def test_none_gets_out_of_the_lock(world: World, backend: str) -> None:
    if backend == "bubblewrap" and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed (package bubblewrap)")
    before = {path: path.stat().st_mode for path in world.workspace.iterdir()}
    outcomes = world.carry_out(backend=backend)
    assert {name: outcomes[name] for name in through(outcomes)} == {}
    assert set(outcomes) > set(ATTACKS)
    assert {path: path.stat().st_mode for path in world.workspace.iterdir()} == before


def test_with_the_network_on_it_reaches_servers_of_the_machine_and_nothing_else(world: World) -> None:
    scoped = set() if abi() >= SCOPE_ABI else {"reach a service by its abstract name"}
    assert through(world.carry_out(network=True)) - scoped == {
        "reach the machine's loopback", "receive a datagram of the server's",
    }  # fmt: skip


def test_where_no_namespaces_can_be_had_the_rest_holds_what_it_says_it_does(world: World) -> None:
    layers = tuple(layer for layer in LAYERS if layer != "namespaces")
    known = {
        "read the stored keys",
        "read the file of a master key",
        "change a mode in the workspace",
        "list the person's home",
    }
    scoped = set() if abi() >= SCOPE_ABI else {"signal the agent"}
    assert through(world.carry_out(layers=layers)) - scoped == known
