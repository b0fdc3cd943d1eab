"""The format of the file: what was written is read, and any other bytes are refused and left alone."""

import base64
import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt as Derivation
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from py_mono.protocol.errors import ConfigError
from py_mono.security.keys import header
from py_mono.security.keys.header import Scrypt, Sealed, check_of
from tests.security.keys.safe import FERNET, OTHER_FERNET, PASSPHRASE, Safe, told


@pytest.fixture(scope="module")
def safe(tmp_path_factory: pytest.TempPathFactory) -> Safe:
    return Safe(tmp_path_factory.mktemp("format"), LLM_MASTER_KEY_OLD=PASSPHRASE)


def stored(safe: Safe) -> bytes:
    safe.file.unlink(missing_ok=True)
    safe.open().set("groq", "gsk_one")
    return safe.file.read_bytes()


def refused(safe: Safe, data: bytes) -> str:
    """What is said to a file of such bytes, which stays as it is."""
    safe.file.write_bytes(data)
    keys = safe.open()
    said = set()
    for act in (keys.stored, keys.rotate, lambda: keys.set("openai", "sk-two"), lambda: keys.remove("groq")):
        with pytest.raises(ConfigError) as caught:
            act()
        said.add(told(caught.value))
        assert safe.file.read_bytes() == data
        assert not Path(safe.places.ahead).exists()
    assert len(said) == 1
    return said.pop()


def test_the_file_is_a_line_and_a_fernet_token(safe: Safe) -> None:
    line, token, end = stored(safe).split(b"\n")
    check = check_of(FERNET.encode())
    assert line == f"py-mono-keys 1 fernet check={check}".encode()
    assert json.loads(Fernet(FERNET).decrypt(token)) == {"groq": "gsk_one"}
    assert end == b""


def test_a_passphrase_is_derived_as_the_line_says(tmp_path: Path) -> None:
    safe = Safe(tmp_path, LLM_MASTER_KEY=PASSPHRASE)
    line, token, _ = stored(safe).decode().split("\n")
    found = dict(part.split("=") for part in line.split()[3:])
    derived = Derivation(salt=bytes.fromhex(found["salt"]), length=32, n=1 << 17, r=8, p=1).derive(PASSPHRASE.encode())
    assert (found["n"], found["r"], found["p"]) == ("131072", "8", "1")
    assert json.loads(Fernet(base64.urlsafe_b64encode(derived)).decrypt(token)) == {"groq": "gsk_one"}


def test_a_file_written_by_the_first_version_is_read_for_ever(tmp_path: Path) -> None:
    safe = Safe(tmp_path, LLM_MASTER_KEY=PASSPHRASE)
    safe.file.write_bytes(FIRST)
    assert safe.open().look("groq", ()).key == "gsk_one"
    assert safe.open().stored() == ("groq", "openai")


FERNET_CHECK = check_of(FERNET.encode()).encode()

FIRST = b"""\
py-mono-keys 1 scrypt n=131072 r=8 p=1 salt=5c69b42715b30ae73d4bd6045971b830 check=4bc5a38e2176423c
gAAAAABrA6WTh1clytlhogFSL-OAaZEBSiuh5i73ryXib6zPGXVusmeQjP3vi7FpI8KLMvtUpPh6CR7pC9_V2vFvxYfABt5xsD_e6VzEHKHxxsGcwF4yP62mzSaMNtTPP_CTc8cyV1-N
"""

scrypts = st.builds(Scrypt, salt=st.binary(min_size=16, max_size=16), n=st.sampled_from([2, 1 << 14, 1 << 17, 1 << 18]))


@given(scrypt=st.none() | scrypts, key=st.binary(min_size=32, max_size=32), text=st.binary(max_size=500))
def test_what_is_written_is_read(scrypt: Scrypt | None, key: bytes, text: bytes) -> None:
    spelled = base64.urlsafe_b64encode(key)
    sealed = Sealed(scrypt, check_of(spelled), Fernet(spelled).encrypt(text))
    assert header.parse(sealed.written(), "f") == sealed


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(min_size=1, max_size=300) | st.binary(max_size=200).map(lambda rest: header.MAGIC + rest))
@example(b"\n")
@example(b"py-mono-keys ")
@example(b"py-mono-keys 1 fernet check=0123456789abcdef\n")
@example(b"py-mono-keys \xff 2")
@example(b"py-mono-keys 1 scrypt n=3 r=8 p=1 salt=" + b"0" * 32 + b" check=" + b"0" * 16 + b"\ngAAAA" + b"A" * 95)
@example(b"py-mono-keys 99999999999999999999999999 x\n")
@example("py-mono-keys \u0665 x\n".encode())
def test_any_bytes_are_refused_and_left_alone(safe: Safe, data: bytes) -> None:
    refused(safe, data)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 1 << 30), bit=st.integers(0, 7))
def test_a_flipped_bit_is_seen(safe: Safe, at: int, bit: int) -> None:
    data = bytearray(stored(safe))
    at %= len(data) - 1  # but for the last line end, which says nothing
    token = bytes(data).split(b"\n")[1]
    data[at] ^= 1 << bit
    assume(
        at < len(data) - 4 or not same(token, bytes(data).partition(b"\n")[2])
    )  # the last bits of base64 may say nothing
    said = refused(safe, bytes(data))
    assert any(
        reason in said for reason in ("is damaged", "another master key", "holds no keys that py-mono stored", "newer")
    )


def same(token: bytes, other: bytes) -> bool:
    with suppress(ValueError):
        return base64.urlsafe_b64decode(token) == base64.urlsafe_b64decode(other)
    return False


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(length=st.integers(1, 1 << 30))
def test_a_file_that_was_cut_is_seen(safe: Safe, length: int) -> None:
    data = stored(safe)
    refused(safe, data[: 1 + length % (len(data) - 2)])


def test_an_empty_file_holds_no_keys(tmp_path: Path) -> None:
    safe = Safe(tmp_path)
    safe.file.touch()
    assert safe.open({}).stored() == ()
    assert not safe.open({}).exists()
    Path(safe.places.folder).mkdir(parents=True)
    Path(safe.places.ahead).write_bytes(FIRST)  # but where the first write was cut off
    assert safe.open({}).exists()
    assert safe.open({"LLM_MASTER_KEY": PASSPHRASE}).stored() == ("groq", "openai")
    assert safe.file.read_bytes() == FIRST


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data.replace(b" 1 ", b" 2 "), "written by a newer py-mono (format 2; this one reads 1)"),
        (lambda data: data.replace(b" 1 ", b" 0 "), "is damaged"),
        (lambda _: b"#!/bin/sh\n", "holds no keys that py-mono stored"),
        (lambda _: b"\0" * 4096, "holds no keys that py-mono stored"),
        (lambda data: data + data, "is damaged"),
        (lambda data: data.replace(b"\n", b"\r\n"), "is damaged"),
        (lambda data: data[:-6] + b"AA==\n", "is damaged"),
        (lambda data: data + b" " * (1 << 20), "is larger than stored keys can be"),
        (lambda data: data.replace(FERNET_CHECK, check_of(OTHER_FERNET.encode()).encode()), "another master key"),
    ],
)
def test_it_is_said_what_is_wrong_with_it(tmp_path: Path, change, said: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - a lambda
    safe = Safe(tmp_path)
    assert said in refused(safe, change(stored(safe)))


@pytest.mark.parametrize(
    "asked", ["n=536870912 r=8 p=1", "n=131072 r=999999999 p=1", "n=131072 r=8 p=999999999", "n=8388608 r=1 p=1",
              "n=2 r=8 p=999999999", "n=2 r=999999999 p=1", "n=131072 r=8 p=9"]
)  # fmt: skip
def test_a_hostile_line_costs_neither_memory_nor_time(tmp_path: Path, asked: str) -> None:
    safe = Safe(tmp_path, LLM_MASTER_KEY=PASSPHRASE)
    stored(safe)
    safe.file.write_bytes(safe.file.read_bytes().replace(b"n=131072 r=8 p=1", asked.encode()))
    assert "asks for more work than any key needs" in refused(safe, safe.file.read_bytes())


@pytest.mark.parametrize("content", [b"[]", b"{", b'{"groq": 1}', b'{"groq": null}', b"\xff", b""])
def test_a_token_that_holds_no_keys_is_damage(tmp_path: Path, content: bytes) -> None:
    safe = Safe(tmp_path)
    data = Sealed(None, check_of(FERNET.encode()), Fernet(FERNET).encrypt(content)).written()
    assert "is damaged" in refused(safe, data)


def test_cryptography_is_loaded_by_the_first_file_that_is_opened(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from py_mono.security.keys.manager import KeyManager\n"
        "def loaded(): print('cryptography' in sys.modules)\n"
        f"keys = KeyManager({os.fspath(tmp_path)!r}, {os.fspath(tmp_path / 'state')!r}, dict(os.environ), learned=len)\n"
        "keys.may_have('groq', ['G']); keys.look('groq', ['G']).key; keys.stored(); loaded()\n"
        "keys.set('groq', 'gsk_one'); loaded()\n"
    )
    environment = {**os.environ, "LLM_MASTER_KEY": FERNET}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True, env=environment)
    assert done.stdout.split() == ["False", "True"]


def test_too_little_memory_is_told(tmp_path: Path) -> None:
    safe = Safe(tmp_path, LLM_MASTER_KEY=PASSPHRASE)
    safe.file.write_bytes(FIRST)
    code = (
        "import os, resource\n"
        "from py_mono.protocol.errors import ConfigError\n"
        "from py_mono.security.keys import sealing\n"
        "from py_mono.security.keys.manager import KeyManager\n"
        f"keys = KeyManager({os.fspath(safe.workspace)!r}, {os.fspath(tmp_path / 'state')!r}, os.environ, learned=len)\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * os.sysconf('SC_PAGESIZE')\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20),) * 2)\n"
        "try:\n    keys.stored()\n"
        "except ConfigError as error:\n    print(error)\n"
    )
    environment = {**os.environ, "LLM_MASTER_KEY": PASSPHRASE}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True, env=environment)
    assert done.stdout == "there is not enough memory to open the stored keys: a passphrase takes 128 MiB\n"
