import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_mono.sandbox.profile import LAYERS, Limits, Profile, make_environment, make_profile, secret_files

names = st.binary(min_size=1, max_size=40).filter(lambda raw: 0 not in raw).map(os.fsdecode)


def values(profile: Profile) -> dict[str, object]:
    plain = {name: getattr(profile, name) for name in Profile.__slots__}
    return plain | {"limits": {name: getattr(profile.limits, name) for name in Limits.__slots__}}


@given(workspace=names, roots=st.lists(names), network=st.booleans(), uid=st.none() | st.integers(0, 1 << 31))
def test_a_profile_survives_json_whatever_bytes_its_paths_have(
    workspace: str, roots: list[str], uid: int | None, *, network: bool
) -> None:
    profile = Profile(
        workspace=workspace, private_tmp="/p", extra_roots=roots, readable=roots, hidden=roots, network=network,
        backend="auto", uid=uid, gid=uid, layers=LAYERS[1:], limits=Limits(memory_bytes=1), timeout_ceiling_s=1.5,
    )  # fmt: skip
    text = profile.to_json()
    assert text.isascii()
    assert "\n" not in text
    assert values(Profile.from_json(text)) == values(profile)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"workspace": "/"}', '{"limits": {"nonsense": 1}}'])
def test_what_is_not_a_profile_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"profile|Expecting"):
        Profile.from_json(text)


def test_a_workspace_that_is_a_link_is_resolved(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    profile = make_profile(str(tmp_path / "link"), str(tmp_path), extra_roots=[str(tmp_path / "link")])
    real = os.path.realpath(tmp_path / "real")
    assert (profile.workspace, profile.extra_roots, profile.hidden) == (real, (real,), (f"{real}/.keys.enc",))


def test_files_that_variables_name_as_holding_a_key_are_found(tmp_path: Path) -> None:
    (tmp_path / "key").touch()
    (tmp_path / "link").symlink_to("key")
    named = {
        "LLM_MASTER_KEY_FILE": f" {tmp_path}/link ", "LLM_MASTER_KEY_OLD_FILE": "a\0b", "GROQ_API_KEY_FILE": "",
        "HF_TOKEN_FILE": "/no/such/file", "PASSWORD_STORE_FILE": "/dev/null", "OPENAI_API_KEY": "sk",
    }  # fmt: skip
    assert secret_files(named) == [f"{os.path.realpath(tmp_path)}/key", "/no/such/file"]


def test_a_missing_workspace_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        make_profile(str(tmp_path / "absent"), str(tmp_path))


def test_the_interpreter_and_this_package_can_be_read_and_no_home_is(tmp_path: Path) -> None:
    readable = make_profile(str(tmp_path), str(tmp_path), readable=["/data/models"]).readable
    package = os.path.dirname(os.path.dirname(os.path.abspath(make_profile.__code__.co_filename)))
    assert {sys.prefix, sys.base_prefix, package, "/usr", "/data/models"} <= {*readable}
    assert {"/", "/etc", "/home", "/root", "/run", "/var", os.path.expanduser("~")} & {*readable} == set()
    assert not [path for path in readable if "shadow" in path or "ssh" in path]


def test_a_workspace_of_another_user_is_worked_on_as_that_user(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(tmp_path, 1234, 1235)
    profile = make_profile(str(tmp_path), str(tmp_path))
    assert (profile.uid, profile.gid) == ((1234, 1235) if os.geteuid() == 0 else (None, None))


def test_the_environment_holds_what_is_allowed_and_nothing_else(tmp_path: Path) -> None:
    profile = make_profile(str(tmp_path), str(tmp_path / "private"), extra_roots=["/srv"])
    source = {
        "LLM_MASTER_KEY": "s", "OPENAI_API_KEY": "s", "GITHUB_TOKEN": "s", "SSH_AUTH_SOCK": "s", "LD_PRELOAD": "s",
        "PYTHONPATH": "s", "PYTHONDONTWRITEBYTECODE": "1", "PATH": "/evil", "HOME": "/root", "TMPDIR": "/x",
        "LC_ALL": "de_DE.UTF-8", "TERM": "xterm", "TZ": "UTC", "GIT_CONFIG_COUNT": "9", "DBUS_SESSION_BUS_ADDRESS": "s",
    }  # fmt: skip
    private = os.path.realpath(tmp_path / "private")
    assert make_environment(profile, source) == {
        "LC_ALL": "de_DE.UTF-8", "TERM": "xterm", "TZ": "UTC", "LANG": "C.UTF-8",
        "PATH": f"{profile.workspace}/.venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin:{sys.prefix}/bin",
        "HOME": f"{private}/home", "TMPDIR": private, "PYTHONNOUSERSITE": "1", "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": profile.workspace, "GIT_CONFIG_KEY_1": "safe.directory", "GIT_CONFIG_VALUE_1": "/srv",
    }  # fmt: skip
