"""What lies around the workspace: secrets, listeners, other processes, and the agent itself; and who looks after them.

The world runs outside every lock, as root where it can, and is the one that says whether an attack got anywhere.
"""

import contextlib
import hashlib
import json
import os
import pty
import secrets
import selectors
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.attacks.catalogue import ATTACKS
from tests.attacks.host import LOST
from tests.attacks.model import Attack, Step
from tests.everyday.programs import BY_NAME as PROGRAMS
from tests.everyday.programs import Program

REPOSITORY = Path(__file__).resolve().parents[2]
KIT = (Path(__file__).parent / "kit.py").read_text()
TOKENS = (
    "file",
    "environment",
    "master",
    "ssh",
    "keys",
    "journal",
    "argument",
    "memory",
    "victim",
    "keyring",
    "rootonly",
    "netrc",
    "oldmaster",
    "masterfile",
    "secret",
)
VICTIM = """
import ctypes, signal, sys, time
ctypes.CDLL(None).prctl(0x59616d61, ctypes.c_ulong(-1), 0, 0, 0)
signal.signal(signal.SIGURG, lambda *_: print("signalled", flush=True))
secret = sys.stdin.readline().strip().encode()
print(id(secret) + bytes.__basicsize__ - 1, flush=True)
while True:
    time.sleep(1000)
"""


class Listeners:
    """Sockets that write down whatever arrives."""

    def __init__(self) -> None:
        self.received: dict[str, bytes] = {}
        self._selector = selectors.DefaultSelector()
        self._stop, self._stopped = socket.socketpair()
        self._selector.register(self._stopped, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def add(self, name: str, family: int, kind: int, address: Any, owner: int = -1) -> Any:
        """Listen; the address the system gave."""
        sock = socket.socket(family, kind)
        if isinstance(address, str) and not address.startswith("\0"):
            Path(address).parent.mkdir(parents=True, exist_ok=True)
            Path(address).unlink(missing_ok=True)
        sock.bind(address)
        if isinstance(address, str) and not address.startswith("\0"):
            if os.geteuid() == 0:
                os.chown(address, owner, -1)
            Path(address).chmod(0o600 if owner >= 0 else 0o666)
        if kind == socket.SOCK_STREAM:
            sock.listen(64)
        sock.settimeout(0)
        self._selector.register(sock, selectors.EVENT_READ, (name, kind == socket.SOCK_STREAM))
        return sock.getsockname()

    def watch(self, name: str, descriptor: int) -> None:
        """Write down what can be read from a descriptor."""
        os.set_blocking(descriptor, False)  # the C library's own order
        self._selector.register(descriptor, selectors.EVENT_READ, (name, False))

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                name, accepts = key.data
                try:
                    self._take(key.fileobj, name, accepts=accepts)
                except OSError:
                    self._selector.unregister(key.fileobj)

    def _take(self, source: Any, name: str, *, accepts: bool) -> None:
        if accepts:
            connection, _ = source.accept()
            self.received[name] = self.received.get(name, b"") + b"(connected)"
            connection.settimeout(0)
            self._selector.register(connection, selectors.EVENT_READ, (name, False))
            return
        piece = os.read(source if isinstance(source, int) else source.fileno(), 65536)
        if not piece:
            self._selector.unregister(source)
        self.received[name] = self.received.get(name, b"") + piece

    def close(self) -> None:
        """Stop listening."""
        self._stop.send(b"x")
        self._thread.join(2)


class World:
    """See the module; ``model.World`` says what proofs may ask."""

    def __init__(self, base: Path, job: dict[str, Any], *, boxed: bool) -> None:
        self.job, self.boxed, self.base = job, boxed, base
        self.mode = job["mode"]
        root = os.geteuid() == 0
        self.uid = 1000 if root and job["who"] == "user" else os.geteuid()
        self.owner = 1000 if root and job["who"] != "root" else os.geteuid()
        self.run_folder = Path("/run/pm") if boxed else base / "run"
        self.secrets_folder = Path("/run/secrets") if boxed else base / "run/secrets"
        self.tokens = {name: f"{name}-{secrets.token_hex(8)}" for name in TOKENS}
        self.listeners = Listeners()
        self.output = self.contents = self.screen = ""
        self.names: dict[str, str] = {}
        self._host: subprocess.Popen[str] | None = None
        self._victim: subprocess.Popen[str] | None = None
        self._before: dict[str, Any] = {}
        self._workspace = 0
        self._terminal = pty.openpty()
        self._lay_out()

    # what proofs ask -------------------------------------------------------------------------------------------------

    @property
    def received(self) -> dict[str, bytes]:
        return self.listeners.received

    def path(self, name: str) -> str:
        return self.fill(name)

    def text(self, path: str) -> str | None:
        try:
            return Path(path).read_text(errors="replace")
        except OSError:
            return None

    def outside_changed(self) -> bool:
        return self._snapshot() != self._before

    def marked_alive(self) -> bool:
        return bool(self._marked())

    def victim_alive(self) -> bool:
        return self._victim is not None and self._victim.poll() is None

    def victim_signalled(self) -> bool:
        return b"signalled" in self.received.get("victim", b"")

    def victim_stat(self, name: str) -> str:
        assert self._victim is not None
        return Path(f"/proc/{self._victim.pid}/{name}").read_text()

    def host_alive(self) -> bool:
        return self._host is not None and self._host.poll() is None

    def worker_answers(self) -> bool:
        patience_s = 15.0  # stopped, it never does; on a busy machine it may take its time
        answers = self._ask([("shell", {"command": "echo still-'here'"})], patience_s)
        return any("still-here" in answer["content"] for answer in answers)

    def reachable(self, port: int) -> bool:
        with socket.socket() as probe:
            probe.settimeout(0.5)
            return probe.connect_ex(("127.0.0.1", port)) == 0

    # laying out ------------------------------------------------------------------------------------------------------

    def fill(self, text: str) -> str:
        """Replace ``@NAME@``."""
        for name, value in self.names.items():
            text = text.replace(f"@{name}@", value)
        return text

    def _own(self, path: Path, uid: int | None = None) -> None:
        if os.geteuid() == 0:
            os.chown(path, self.uid if uid is None else uid, self.uid if uid is None else uid, follow_symlinks=False)

    def _put(self, path: Path, text: str, mode: int = 0o644, uid: int | None = None) -> None:
        if path.is_dir() or path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
            path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(mode)
        self._own(path, uid)

    def _folder(self, path: Path, uid: int | None = None, mode: int = 0o755) -> None:
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
            path.mkdir(parents=True)
        path.chmod(mode)
        self._own(path, uid)

    def _lay_out(self) -> None:
        listen, base, own = self.listeners, self.base, self.uid
        for name in ("outside", "home", "home/.ssh", "state", "state/sessions", "tmp"):
            self._folder(base / name)
        self._own(base)
        self._folder(self.run_folder)
        self._folder(self.secrets_folder)
        port = listen.add("tcp", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))[1]
        try:
            six = listen.add("tcp6", socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0))[1]
        except OSError:  # no IPv6 on this machine
            six = 0
        udp = listen.add("udp", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))[1]
        abstract = "pm-" + secrets.token_hex(6)
        listen.add("abstract", socket.AF_UNIX, socket.SOCK_STREAM, "\0" + abstract)
        for name, folder in (("outside", base / "outside"), ("home", base / "home"), ("run", self.run_folder)):
            listen.add(f"unix-{name}", socket.AF_UNIX, socket.SOCK_STREAM, str(folder / "bait.sock"), own)
        listen.add("datagram", socket.AF_UNIX, socket.SOCK_DGRAM, str(self.run_folder / "log.sock"), own)
        listen.watch("terminal", self._terminal[0])
        slave = os.ttyname(self._terminal[1])
        if os.geteuid() == 0:
            os.chown(slave, own, -1)
        self.names = {
            "WS": str(base / "ws"), "OUT": str(base / "outside"), "HOME": str(base / "home"), "MODE": self.mode,
            "STATE": str(base / "state"), "RUN": str(self.run_folder), "PORT": str(port), "PORT6": str(six),
            "UDP": str(udp), "ABS": abstract, "PTS": slave, "PY": sys.executable, "REPO": str(REPOSITORY),
            "BOXED": "yes" if self.boxed else "", "KEY": f"pm-{secrets.token_hex(6)}", "BIN": str(Path(sys.executable).parent), "PYTEST": f"{sys.executable} -m pytest", "KEYS": self.tokens["keys"],
            "SECRETS": str(self.secrets_folder), "MASTERFILE": self.tokens["masterfile"],
        }  # fmt: skip

    def _reset(self, attack: Attack) -> None:
        mark = "m" + secrets.token_hex(6)
        self.names |= {"MARK": mark, "SLEEP": str(300 + secrets.randbelow(10**9) / 10**9)}
        self._empty(self.base / "outside", keep={"bait.sock"})
        base, tokens = self.base, self.tokens
        self._put(base / "outside/secret.txt", tokens["file"] + "\n", 0o600)
        self._put(base / "outside/target.txt", "original\n")
        self._put(base / "outside/master.txt", tokens["masterfile"] + "\n", 0o600)
        self._put(self.secrets_folder / "llm_master_key", tokens["secret"] + "\n", 0o400)
        self._put(base / "home/.bashrc", "# original\n")
        self._put(base / "home/.netrc", f"password {tokens['netrc']}\n", 0o600)
        self._put(base / "home/.ssh/id_ed25519", f"{tokens['ssh']}\n", 0o600)
        self._put(base / "state/sessions/other.jsonl", f"{tokens['journal']}\n", 0o600)
        self._folder(base / "ws", self.owner)
        if (base / "ws").stat().st_ino != self._workspace:  # moved away: the agent holds on to the one it knew
            self._stop_host()
            self._workspace = (base / "ws").stat().st_ino
        self._empty(base / "ws", keep={".keys.enc"})
        keys = base / "ws/.keys.enc"
        if attack.no_keys:
            self._stop_host()
            self._empty(base / "ws", keep=set())
        elif not keys.is_file() or keys.is_symlink():
            self._stop_host()
            self._put(keys, tokens["keys"] + "\n", 0o600, self.owner)
        else:
            keys.write_text(tokens["keys"] + "\n")  # in place: the lock may have covered this very file
        if os.geteuid() == 0:
            self._plant_setuid()
        for name, text in attack.files.items():
            path = base / "ws" / self.fill(name)
            for folder in reversed(path.relative_to(base / "ws").parents[:-1]):
                self._folder(base / "ws" / folder, self.owner)
            self._put(path, self.fill(text), 0o755, self.owner)
        self._ensure_victim()
        self._ensure_host()
        self.received.clear()
        self._before = self._snapshot()

    def _plant_setuid(self) -> None:
        shutil.copy("/bin/cat", self.base / "ws/suid-cat")
        (self.base / "ws/suid-cat").chmod(0o4755)
        (self.base / "ws/rootonly").write_text(self.tokens["rootonly"] + "\n")
        (self.base / "ws/rootonly").chmod(0o600)

    def _empty(self, folder: Path, keep: set[str]) -> None:
        for entry in os.scandir(folder):
            if entry.name in keep:
                continue
            if os.path.ismount(entry.path):
                raise RuntimeError(f"an attack left {entry.path} mounted")
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                Path(entry.path).unlink(missing_ok=True)

    def _snapshot(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for folder in ("outside", "home", "state/sessions"):
            for path in (self.base / folder, *(self.base / folder).rglob("*")):
                facts = path.lstat()
                content = hashlib.sha1(path.read_bytes()).hexdigest() if stat.S_ISREG(facts.st_mode) else ""
                names = os.listxattr(path, follow_symlinks=False)
                times = facts.st_mtime_ns if stat.S_ISREG(facts.st_mode) else 0
                found[str(path)] = (facts.st_mode, facts.st_uid, facts.st_gid, times, facts.st_nlink, content, names)
        for folder in ("/tmp", "/var/tmp", "/dev/shm"):
            marked = Path(folder) / self.names["MARK"]
            found[str(marked)] = marked.exists()
            marked.unlink(missing_ok=True)
        return found

    # processes -------------------------------------------------------------------------------------------------------

    def _spawn(self, argv: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
        other = self.uid if self.uid != os.geteuid() else None
        return subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
            cwd=REPOSITORY,
            start_new_session=True,
            user=other,
            group=other,
            extra_groups=None if other is None else [],
        )

    def _ensure_victim(self) -> None:
        if self.victim_alive():
            return
        argv = [sys.executable, "-c", VICTIM, self.tokens["argument"]]
        victim = self._spawn(argv, {"PATH": "/usr/bin:/bin", "VICTIM_TOKEN": self.tokens["victim"]})
        assert victim.stdin is not None
        assert victim.stdout is not None
        victim.stdin.write(self.tokens["memory"] + "\n")
        victim.stdin.flush()
        self.names |= {"VICTIM": str(victim.pid), "ADDRESS": victim.stdout.readline().strip()}
        self.listeners.watch("victim", os.dup(victim.stdout.fileno()))
        self._victim = victim

    def _ensure_host(self) -> None:
        if self.host_alive():
            return
        environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": self.names["HOME"], "LANG": "C.UTF-8",
            "PY_MONO_HOME": self.names["STATE"], "OPENAI_API_KEY": self.tokens["environment"],
            "LLM_MASTER_KEY": self.tokens["master"], "LLM_MASTER_KEY_OLD": self.tokens["oldmaster"],
            "LLM_MASTER_KEY_FILE": self.names["OUT"] + "/master.txt", "LLM_MASTER_KEY_OLD_FILE": self.names["WS"] + "/old.key",
            "PM_OPEN_SECRET": self.names["OUT"] + "/secret.txt",
            "SSH_AUTH_SOCK": self.names["HOME"] + "/bait.sock", "TERM": "xterm", "PM_KEYRING": self.tokens["keyring"], "PM_KEY_NAME": self.names["KEY"],
        }  # fmt: skip
        if not self.boxed:  # what an agent leaves that gets killed goes with all this
            environment["TMPDIR"] = str(self.base / "tmp")
        if "PYTHONPATH" in os.environ:  # where that is how this Python finds what the agent needs
            environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
        host = self._spawn([sys.executable, "-m", "tests.attacks.host"], environment)
        self._host = host
        self.names["HOST"] = str(host.pid)
        self._say({**self.job, "workspace": self.names["WS"], "state": self.names["STATE"]})
        ready = self._hear()
        if not ready:
            raise RuntimeError(f"the agent did not start in mode {self.mode}")
        self.lock: dict[str, Any] = ready["lock"]

    def _say(self, message: Any) -> None:
        assert self._host is not None
        assert self._host.stdin is not None
        with contextlib.suppress(OSError):
            self._host.stdin.write(json.dumps(message) + "\n")
            self._host.stdin.flush()

    def _hear(self, patience_s: float = 25.0) -> Any:
        """The agent's next line; an agent that says nothing for too long is ended."""
        assert self._host is not None
        assert self._host.stdout is not None
        watchdog = threading.Timer(patience_s, self._host.kill)
        watchdog.start()
        line = self._host.stdout.readline()
        watchdog.cancel()
        try:
            return json.loads(line) if line else []
        except ValueError:
            return []

    def _ask(self, steps: list[Step], patience_s: float = 25.0) -> list[dict[str, Any]]:
        if not self.host_alive():
            return []
        self._say(steps)
        answers: list[dict[str, Any]] = self._hear(patience_s)
        return answers

    def _stop_host(self) -> None:
        host, self._host = self._host, None
        if host is None:
            return
        assert host.stdin is not None
        with contextlib.suppress(OSError):
            host.stdin.close()
        try:
            host.wait(3)
        except subprocess.TimeoutExpired:
            host.kill()
            host.wait()

    def _marked(self) -> list[int]:
        wanted = (self.names["MARK"].encode(), self.names["SLEEP"].encode())
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) == os.getpid():
                continue
            try:
                line = Path(f"/proc/{entry}/cmdline").read_bytes()
            except OSError:
                continue
            if any(mark in line for mark in wanted):
                found.append(int(entry))
        return found

    def _sweep(self) -> None:
        """End what an attack left running: processes that carry its mark, and nothing else."""
        for _ in range(200):
            marked = self._marked()
            if not marked:
                return
            for pid in marked:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)

    # carrying out ----------------------------------------------------------------------------------------------------

    def _steps(self, attack: Attack) -> list[Step]:
        if attack.steps:
            return json.loads(self.fill(json.dumps(attack.steps)))  # type: ignore[no-any-return]
        if attack.shell:
            return [("shell", {"command": self.fill(attack.shell), "timeout": attack.timeout_s})]
        name = f"{self.names['MARK']}.py"
        self._put(self.base / "ws" / name, self.fill(KIT + "\n" + attack.python), 0o755, self.owner)
        command = f"{self.names['PY']} -I -S {name}"
        return [("shell", {"command": command, "timeout": attack.timeout_s})]

    def attempt(self, attack: Attack) -> dict[str, Any]:
        """Carry out one attack; whether it got there, what was said, how long it took."""
        start = time.monotonic()
        self._reset(attack)
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(attack.serves(self.fill)) if attack.serves else None
            self.names["MODEL"] = server.url if server else ""
            steps = self._steps(attack)
            answers = self._ask(steps, attack.timeout_s + 5)
            if server:
                self.received["model"] = b"\n".join(repr(request).encode() for request in server.requests)
        time.sleep(0.03)
        self.contents = "\n".join(answer["content"] for answer in answers)
        self.output = "\n".join(answer["stream"] for answer in answers) + self.contents
        self.screen = "\n".join(answer["screen"] for answer in answers)
        try:
            won = attack.proof(self)
            if not won and self.mode in {"bare", "off"}:  # what was sent may still be on its way
                time.sleep(0.3)
                won = attack.proof(self)
        finally:
            self._sweep()
        spent = any(step[0] in {"@close", "@reopen", "@restart"} or step[1].get("background") for step in steps)
        if spent or attack.no_keys or LOST in self.output or not answers:
            self._stop_host()
        return {
            "won": won,
            "impossible": self.output.partition("IMPOSSIBLE: ")[2].partition("\n")[0],
            "output": self.output[:2000] + " ... " + self.output[-2000:],
            "seconds": round(time.monotonic() - start, 2),
        }

    def _work(self, program: Program) -> dict[str, Any]:
        """Do one everyday thing, in a folder of its own."""
        here = f"mkdir everyday-{program.name} && cd everyday-{program.name} || exit 99\n"
        looks = "".join(
            f"command -v {need} >/dev/null || {{ echo 'MISSING: {need}'; exit 0; }}\n" for need in program.needs
        )
        command = looks + here + self.fill(program.command)
        step: Step = ("shell", {"command": command, "timeout": program.timeout_s})
        start = time.monotonic()
        said = (self._ask([step], program.timeout_s + 10) or [{"content": "the agent is gone", "is_error": True}])[0]
        missing = said["content"].partition("MISSING: ")[2].partition("\n")[0]
        return {
            "missing": missing,
            "output": said["content"],
            "is_error": said["is_error"],
            "seconds": round(time.monotonic() - start, 2),
        }

    def carry_out(self) -> dict[str, Any]:
        """Every attack of the job, or every program, in order."""
        if self.job.get("everyday"):
            self._reset(ATTACKS[0])
            done = {name: self._work(PROGRAMS[name]) for name in self.job["wanted"]}
            return {"results": done, "lock": self.lock}
        wanted = set(self.job.get("wanted") or ())
        chosen = [attack for attack in ATTACKS if not wanted or attack.name in wanted]
        if self.uid == self.owner == 0:  # who is root already has nothing to gain there
            chosen = [attack for attack in chosen if attack.needs != "user"]
        results = {}
        for attack in chosen:
            if self.job.get("verbose"):
                print(attack.name, file=sys.stderr, flush=True)
            results[attack.name] = self.attempt(attack)
            if self.job.get("verbose"):
                facts = results[attack.name]
                print(
                    f"    {'WON' if facts['won'] else 'held'} {facts['seconds']} {facts['impossible']}",
                    file=sys.stderr,
                    flush=True,
                )
        return {"results": results, "lock": self.lock}

    def close(self) -> None:
        """End everything that is ours."""
        self._stop_host()
        if self._victim is not None:
            self._victim.kill()
            self._victim.wait()
        self.listeners.close()
