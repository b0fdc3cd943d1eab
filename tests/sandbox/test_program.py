"""A program in a lock of its own: what it has, what it sees, how it ends."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from py_mono.protocol.errors import SandboxBusy, SandboxError
from py_mono.sandbox.profile import PROGRAM
from py_mono.sandbox.program import Programs
from tests.sandbox.locking import REPOSITORY
from tests.sandbox.programs import KINDS, LOCKS, Session

STAYS = """
import os, signal, sys
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    print("ready", flush=True)
    while True:
        signal.pause()
{}
"""
"""Something of it stays behind that hides from its parent, heeds no signal and holds on to its stdout."""
HEEDLESS = STAYS.format("signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: signal.pause()")
HOST = """
import subprocess, sys
sys.path.insert(0, sys.argv[1])
from py_mono.sandbox.program import Programs
programs = Programs(workspace=sys.argv[2], state_folder=sys.argv[3])
command, environment = programs.command("one", sys.argv[4:], {})
started = subprocess.Popen(command, env=environment)
print(started.pid, flush=True)
started.wait()
"""


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return kind_of(request)


@pytest.fixture(params=LOCKS)
def lock(request: pytest.FixtureRequest) -> str:
    return kind_of(request)


def kind_of(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    if found == "bubblewrap" and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed (package bubblewrap)")
    return found


@pytest.fixture
def any_session(tmp_path: Path, kind: str) -> Iterator[Session]:
    session = Session(tmp_path, kind)
    yield session
    session.programs.close()


@pytest.fixture
def locked(tmp_path: Path, lock: str) -> Iterator[Session]:
    session = Session(tmp_path, lock)
    yield session
    session.programs.close()


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    session = Session(tmp_path)
    yield session
    session.programs.close()


def test_what_goes_in_and_out_and_how_it_ends_is_the_programs_own(any_session: Session) -> None:
    script = "cat; echo more >&2; exit 7"
    assert any_session.run("sh", "-c", script, given="line\n\0\x1b[2J") == (7, "line\n\0\x1b[2J", "more\n")
    assert any_session.run("sh", "-c", "kill -9 $$") == (137, "", "")
    assert any_session.run("sh", "-c", "exit 0") == (0, "", "")


def test_its_environment_is_clean_and_has_what_the_entry_says(any_session: Session) -> None:
    said = any_session.run("env", env={"TOKEN": "näme\nline", "LD_LIBRARY_PATH": "", "HOME": "/own"})[1]
    names = {line.partition("=")[0] for line in said.splitlines()}
    assert names - {"PWD", "line"} == {"PATH", "HOME", "LANG", "TMPDIR", "TOKEN", "LD_LIBRARY_PATH"}
    assert "TOKEN=näme\nline\n" in said
    assert "HOME=/own\n" in said


def test_nothing_of_it_acts_on_what_puts_the_lock_on(session: Session) -> None:
    hostile = {"LD_PRELOAD": "/w/evil.so", "PYTHONSTARTUP": "/w/x", "PYTHONPATH": "/w", PROGRAM: "{}"}
    _, environment = session.programs.command("one", ["true"], hostile)
    assert set(environment) == {PROGRAM}
    assert session.sh('echo "$PYTHONPATH"', env={"PYTHONPATH": "/w"}) == "/w\n"


def test_it_reads_the_workspace_and_writes_it_only_where_it_may(locked: Session) -> None:
    (locked.workspace / "f").write_text("content\n")
    assert locked.sh("pwd; cat f") == f"{locked.workspace}\ncontent\n"
    assert "[1]" in locked.sh("echo x > new || exit 1")
    assert not (locked.workspace / "new").exists()
    assert locked.sh("echo x > new; rm f", write=True) == ""
    assert [path.name for path in locked.workspace.iterdir()] == ["new"]


def test_its_home_stays_and_is_its_own_and_its_tmp_goes(locked: Session) -> None:
    assert locked.sh("echo kept > ~/f; echo gone > $TMPDIR/f; cat $TMPDIR/f") == "gone\n"
    assert locked.sh("cat ~/f; cd ~; pwd -P").split()[0] == "kept"
    home = locked.sh("echo $HOME").strip()
    assert Path(home).is_relative_to(locked.state)
    assert Path(home).stat().st_mode & 0o777 == 0o700
    assert "[1]" in locked.sh(f"cat {home}/f || exit 1", name="two")
    others = locked.sh(f"ls {locked.state} {Path(home).parents[1]} {home} 2>/dev/null", name="two")
    assert not {"one", "f"} & set(others.split())
    private = locked.sh("echo $TMPDIR").strip()
    assert os.path.isdir(private)
    locked.programs.close()
    locked.programs.close()
    assert not os.path.exists(os.path.dirname(private))
    assert Path(home, "f").read_text() == "kept\n"


def test_no_descriptor_but_the_three_is_passed_on(locked: Session) -> None:
    assert locked.python("import os; print(sorted(os.listdir('/proc/self/fd')))") == "['0', '1', '2', '3']\n"


def test_network_off_is_off(locked: Session) -> None:
    source = """
import socket, sys
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)
    print("reached")
except OSError:
    print("refused")
"""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        assert locked.python(source, port, network=True) == "reached\n"
        assert locked.python(source, port, network=False) == "refused\n"


def test_it_is_limited_as_tools_are(locked: Session) -> None:
    limits = locked.sh("ulimit -f; ulimit -c; ulimit -n; ulimit -d").split()
    assert limits[1] == "0"
    assert "unlimited" not in limits


def test_what_stays_behind_ends_with_it(any_session: Session) -> None:
    source = STAYS.format("sys.stdin.readline()")
    with any_session.start(sys.executable, "-I", "-c", source) as started:
        assert started.stdout
        assert started.stdin
        assert started.stdout.readline() == "ready\n"
        started.stdin.close()
        assert started.stdout.read() == ""  # nobody holds it any more
        assert started.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_to_the_outermost_process_ends_it_all(any_session: Session, number: int) -> None:
    with any_session.start(sys.executable, "-I", "-c", HEEDLESS) as started:
        assert started.stdout
        assert started.stdout.readline() == "ready\n"
        os.kill(started.pid, number)
        assert started.stdout.read() == ""
        assert started.wait() == (-9 if number == signal.SIGKILL else 137)


def test_a_program_that_heeds_sigterm_may_end_by_itself(any_session: Session) -> None:
    source = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print("ready", flush=True)
signal.sigwait([signal.SIGTERM])
print("bye", flush=True)
sys.exit(3)
"""
    with any_session.start(sys.executable, "-I", "-c", source) as started:
        assert started.stdout
        assert started.stdout.readline() == "ready\n"
        started.terminate()
        assert started.stdout.read() == "bye\n"
        assert started.wait() == 3


def test_a_host_that_is_killed_takes_all_along(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    arguments = [str(REPOSITORY), str(tmp_path / "w"), str(tmp_path / "state"), sys.executable, "-I", "-c", HEEDLESS]
    with subprocess.Popen(
        [sys.executable, "-c", HOST, *arguments], stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path)}
    ) as host:  # fmt: skip
        assert host.stdout
        assert host.stdout.readline().strip().isdigit()
        assert host.stdout.readline() == "ready\n"
        host.kill()
        assert host.stdout.read() == ""


def test_what_is_started_when_the_host_is_gone_ends_at_once(session: Session) -> None:
    command, environment = session.programs.command("one", ["echo", "ran"], {})
    session.programs.close()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr == "py-mono: py-mono, which wanted this server, is gone\n"


def test_closing_ends_them(any_session: Session) -> None:
    with any_session.start(sys.executable, "-I", "-c", HEEDLESS) as started:
        assert started.stdout
        assert started.stdout.readline() == "ready\n"
        any_session.programs.close()
        assert started.stdout.read() == ""
        started.wait()
    assert any_session.sh("echo again") == "again\n"


async def test_in_a_time_without_any_none_runs_and_none_is_started(session: Session) -> None:
    with session.start(sys.executable, "-I", "-c", HEEDLESS) as started:
        assert started.stdout
        assert started.stdout.readline() == "ready\n"
        command, environment = session.programs.command("two", ["echo", "ran"], {})
        async with session.programs.ended():
            assert started.stdout.read() == ""
            with pytest.raises(SandboxBusy, match="a key is being stored"):
                session.programs.command("one", ["true"], {})
            late = await asyncio.to_thread(subprocess.run, command, env=environment, capture_output=True)
            assert (late.returncode, late.stdout) == (125, b"")
        started.wait()
    assert session.sh("echo again") == "again\n"


def test_what_cannot_be_started_says_why_on_stderr(locked: Session) -> None:
    status, _, said = locked.run("no-such-program")
    assert status == 127
    assert said.startswith("py-mono: ")
    assert "is not there, or cannot be seen in the lock" in said
    (locked.workspace / "plain").write_text("")
    assert locked.run("./plain") == (126, "", "py-mono: ./plain cannot be started: Permission denied\n")
    status, _, said = locked.run("true", cwd=str(locked.base / "nowhere"))
    assert (status, "nowhere is not there" in said) == (127, True)


def test_without_a_lock_it_is_not_started(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.programs = Programs(workspace="/", state_folder=str(session.state))
    status, said, errors = session.run("echo", "ran")
    assert (status, said) == (125, "")
    assert "the lock could not be put on, so the server is not started: / cannot be a workspace" in errors
    session.programs.close()


def test_whether_there_is_a_lock_is_said(tmp_path: Path) -> None:
    assert [Session(tmp_path, kind).programs.confined for kind in KINDS] == [True, True, True, False]


@pytest.mark.parametrize(("name", "argv", "env", "said"), [
    ("../x", ["a"], {}, "cannot be a server's name"),
    ("", ["a"], {}, "cannot be a server's name"),
    ("a" * 65, ["a"], {}, "cannot be a server's name"),
    ("x", [], {}, "has no command"),
    ("x", [""], {}, "has no command"),
    ("x", ["a", "b\0"], {}, "holds a character that none can hold"),
    ("x", ["a"], {"A": "\ud800"}, "holds a character that none can hold"),
    ("x", ["a"], {"A=B": "c"}, "cannot have a variable called 'A=B'"),
    ("x", ["a"], {"": "c"}, "cannot have a variable called ''"),
    ("x", ["a", "b" * 120_001], {}, "is too long"),
    ("x", ["a"], {"A": "b" * 120_001}, "is too long"),
])  # fmt: skip
def test_what_is_wrong_is_said_before_anything_is_started(
    session: Session, name: str, argv: list[str], env: dict[str, str], said: str
) -> None:
    with pytest.raises(SandboxError, match=said):
        session.programs.command(name, argv, env)


def test_folders_that_cannot_be_made_are_named(session: Session) -> None:
    session.state.write_text("in the way")
    with pytest.raises(SandboxError, match="no folders can be made for the server one"):
        session.programs.command("one", ["true"], {})


def test_what_an_entry_names_can_be_read_but_never_what_py_mono_keeps(session: Session) -> None:
    folder = session.base / "data"
    folder.mkdir()
    (folder / "f").write_text("data\n")
    assert "[1]" in session.sh(f"cat {folder}/f || exit 1")
    assert session.sh(f"cat {folder}/f; touch {folder}/x 2>&1 | grep -c Read-only", reads=[str(folder)]) == "data\n1\n"
    assert session.sh("pwd", cwd=str(folder), reads=[str(folder)]) == f"{folder}\n"
    for path in (session.base, session.state, session.state / "sessions", Path("/")):
        with pytest.raises(SandboxError, match="which holds what py-mono keeps for itself"):
            session.programs.command("one", ["true"], {}, reads=[str(path)])
    for machine in ("/proc", "/dev/null", "/run/x.sock"):
        with pytest.raises(SandboxError, match="which belongs to the machine"):
            session.programs.command("one", ["true"], {}, reads=[machine])
    (session.base / "link").symlink_to(session.base)
    with pytest.raises(SandboxError, match="which holds what py-mono keeps for itself"):
        session.programs.command("one", ["true"], {}, reads=[str(session.base / "link")])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can work for another user")
def test_for_another_users_workspace_it_becomes_that_user(tmp_path: Path) -> None:
    session = Session(tmp_path)
    os.chown(session.workspace, 1000, 1000)
    try:
        said = session.sh("id -u; echo 1 > f; echo 1 > ~/g; cat ~/g; stat -c %u f ~/g $TMPDIR", write=True)
        assert said.splitlines() == ["1000", "1", "1000", "1000", "1000"]
    finally:
        session.programs.close()
