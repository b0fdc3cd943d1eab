import base64
import os
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from py_mono.protocol.errors import ConfigError
from py_mono.security.keys.elsewhere import Elsewhere
from py_mono.security.keys.master import MasterKey, master_key, previous_master_key
from tests.security.keys.safe import FERNET, PASSPHRASE, told


@given(
    key=st.binary(min_size=32, max_size=32),
    form=st.sampled_from(["{}", "b'{}'", 'b"{}"', "'{}'", '"{}"', " {}\n", " b'{}' ", '"\t{} "']),
)
def test_a_fernet_key_is_taken_in_each_of_its_spellings(key: bytes, form: str) -> None:
    for spelled in (base64.urlsafe_b64encode(key), base64.b64encode(key)):
        master = MasterKey(form.format(spelled.decode()), "X")
        assert master.is_fernet
        assert master.secret == base64.urlsafe_b64encode(key)
        assert Fernet(master.secret).encrypt(b"")


@pytest.mark.parametrize(
    "text",
    [PASSPHRASE, FERNET[:-1], FERNET + "=", FERNET[1:], "0" * 43 + "!", "0" * 44, "ünïcödé pässphräse", "\udcff" * 12],
)
def test_all_else_is_a_passphrase(text: str) -> None:
    assert not MasterKey(text, "X").is_fernet


def test_a_passphrase_is_the_same_one_however_it_is_typed() -> None:
    assert MasterKey("cafe\u0301 au lait, s'il", "X").secret == MasterKey(" caf\xe9 au lait, s'il\n", "X").secret
    assert MasterKey(f"'{PASSPHRASE}'", "X").secret == MasterKey(PASSPHRASE, "X").secret
    assert MasterKey("it's 'quoted' inside", "X").secret == b"it's 'quoted' inside"
    assert MasterKey(PASSPHRASE, "X").secret != MasterKey(PASSPHRASE.upper(), "X").secret


@pytest.mark.parametrize("text", ["x", "elevenchars", "'elevenchars'", " elevenchars ", "''", "b''", "'"])
def test_one_that_could_be_guessed_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ConfigError, match="X is too short") as caught:
        MasterKey(text, "X")
    assert "eleven" not in told(caught.value)
    assert "openssl rand -base64 32" in told(caught.value)


def test_its_repr_is_no_secret() -> None:
    assert repr(MasterKey(PASSPHRASE, "X")) == "MasterKey(X)"


def test_the_first_place_that_has_one_counts(tmp_path: Path) -> None:
    environment: dict[str, str] = {}
    elsewhere = Elsewhere(environment, str(tmp_path))
    with pytest.raises(ConfigError, match="LLM_MASTER_KEY is not set"):
        master_key(elsewhere)
    assert previous_master_key(elsewhere) is None
    (tmp_path / "llm_master_key").write_text("of a container\n")
    (tmp_path / "llm_master_key_old").write_text("of one before\n")
    assert master_key(elsewhere).secret == b"of a container"
    (tmp_path / "named").write_bytes(b"\xef\xbb\xbfof a named file\r\n")
    environment["LLM_MASTER_KEY_FILE"] = str(tmp_path / "named")
    assert master_key(elsewhere).secret == b"of a named file"
    environment["LLM_MASTER_KEY"] = "of the environment"
    assert (master_key(elsewhere).secret, master_key(elsewhere).origin) == (b"of the environment", "LLM_MASTER_KEY")
    previous = previous_master_key(elsewhere)
    assert previous is not None
    assert previous.secret == b"of one before"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (len, "cannot be read: No such file or directory"),
        (os.mkdir, "cannot be read: it is a folder"),
        (os.mkfifo, "cannot be read: it is a pipe"),
        (lambda path: os.symlink(path, path), "cannot be read: Too many levels of symbolic links"),
        (lambda path: Path(path).write_bytes(b"x" * 20_000), "is larger than any key"),
        (lambda path: Path(path).write_bytes(b"\x80\xff binary"), "holds no text"),
    ],
)
def test_a_file_that_holds_no_secret_is_told_and_not_waited_for(tmp_path: Path, make, said: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - a lambda
    path = str(tmp_path / "groq_key")
    make(path)
    named = Elsewhere({"GROQ_KEY_FILE": path}, "/nowhere")
    with pytest.raises(ConfigError, match=f"GROQ_KEY_FILE names a file that {said}") as caught:
        named.find(["GROQ_KEY"])
    assert path in told(caught.value)
    mounted = Elsewhere({}, str(tmp_path))
    if os.path.lexists(path):
        with pytest.raises(ConfigError, match=f"the secret {path} {said}"):
            mounted.find(["GROQ_KEY"])
    else:
        assert mounted.find(["GROQ_KEY"]) == ("", "")


def test_an_empty_secret_is_none_and_a_nul_in_a_name_is_told(tmp_path: Path) -> None:
    (tmp_path / "A").write_text(" \n")
    (tmp_path / "b").write_text("found")
    assert Elsewhere({"A": ""}, str(tmp_path)).find(["A", "B"]) == ("found", str(tmp_path / "b"))
    with pytest.raises(ConfigError, match="holds a NUL"):
        Elsewhere({"A_FILE": "x\0y"}, str(tmp_path)).find(["A"])
