"""The first key, and programs that were started without it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from py_mono.protocol.errors import ConfigError
from py_mono.sandbox.keys import KEYS
from py_mono.security.keys.manager import KeyManager
from tests.sandbox.programs import Session

READS = """
import sys
print("ready", flush=True)
for line in sys.stdin:
    try:
        print("read", len(open(".keys.enc").read()), flush=True)
    except OSError:
        print("nothing", flush=True)
"""


@pytest.fixture(params=["auto", "bubblewrap"])  # without namespaces the file's sealing protects it
def session(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Session]:
    if request.param == "bubblewrap" and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed (package bubblewrap)")
    session = Session(tmp_path, request.param)
    yield session
    session.programs.close()


def store_key(session: Session) -> None:
    environment = {"LLM_MASTER_KEY": "A" * 43 + "="}
    manager = KeyManager(
        str(session.workspace), str(session.state), environment, learned=lambda _: None, secrets_folder="/nowhere"
    )
    manager.set("groq", "gsk_0123456789abcdef0123456789abcdef")


async def test_no_first_key_is_stored_beside_a_program_and_the_next_one_cannot_read_it(session: Session) -> None:
    with session.start("python3", "-I", "-c", READS) as started:
        assert started.stdout
        assert started.stdout.readline() == "ready\n"
        with pytest.raises(ConfigError, match="its tools could read a file that is made now"):
            store_key(session)
        assert not (session.workspace / KEYS).exists()
        async with session.programs.ended():
            store_key(session)
        assert started.stdout.read() == ""
    assert (session.workspace / KEYS).stat().st_size > 0
    for write in (False, True):
        status, said, _ = session.run("python3", "-I", "-c", READS, given="now\n", write=write)
        assert status == 0
        assert said in {"ready\nread 0\n", "ready\nnothing\n"}
    store_key(session)
    assert "[1]" in session.sh("rm -f .keys.enc || mv .keys.enc x || exit 1", write=True)
    assert (session.workspace / KEYS).stat().st_size > 0


def test_files_that_variables_name_as_keys_are_covered_too(tmp_path: Path) -> None:
    master = tmp_path / "w" / "master.key"
    session = Session(tmp_path, environment={"LLM_MASTER_KEY_FILE": str(master)})
    master.write_text("secret")
    try:
        assert session.sh("cat master.key") == ""
        assert session.sh("cat master.key", write=True, reads=[str(master)]) == ""
    finally:
        session.programs.close()
