"""Where programs lie that people install for themselves, and that a server needs to see."""

import os
from pathlib import Path

import pytest

from py_mono.sandbox.tool_places import ToolPlaces, within


class Home:
    """A home with things installed in it, and a workspace."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.home, self.workspace, self.state = base / "home", base / "home/w", base / "home/.local/state/py-mono"
        for folder in (self.workspace, self.state):
            folder.mkdir(parents=True)

    def put(self, path: str, text: str = "\x7fELF") -> Path:
        """A program."""
        file = self.home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
        return file

    def link(self, path: str, target: str) -> None:
        place = self.home / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)

    def places(self, *folders: str) -> ToolPlaces:
        path = os.pathsep.join([*(str(self.home / folder) for folder in folders), "/usr/bin", "", "relative"])
        return ToolPlaces(
            path,
            home=str(self.home),
            workspace=str(self.workspace),
            shown=["/usr", "/bin"],
            never=[str(self.state)],
        )

    def found(self, program: str, *folders: str) -> list[str]:
        """What is to be shown, relative to the home."""
        return [os.path.relpath(path, self.home) for path in self.places(*folders).of(program)]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_of_the_systems_programs_and_of_unknown_ones_nothing_more_is_shown(home: Home) -> None:
    assert home.found("env") == []
    assert home.found("/usr/bin/env") == []
    assert home.found("no-such-program") == []
    assert home.found("./relative") == []
    assert home.found("") == []


def test_a_prefix_is_shown_whole(home: Home) -> None:
    home.put(".nvm/versions/node/v22/bin/node")
    home.put(".nvm/versions/node/v22/lib/node_modules/npm/bin/npx-cli.js", "#!/usr/bin/env node\n")
    home.put(".nvm/versions/node/v22/lib/node_modules/npm/lib/npm.js")
    home.link(".nvm/versions/node/v22/bin/npx", "../lib/node_modules/npm/bin/npx-cli.js")
    folder = ".nvm/versions/node/v22"
    assert home.found("npx", f"{folder}/bin") == [folder, f"{folder}/lib/node_modules/npm"]
    assert home.places(f"{folder}/bin").path([str(home.home / folder)]) == [str(home.home / folder / "bin"), "/usr/bin"]


def test_a_shim_shows_what_it_goes_to(home: Home) -> None:
    home.put(".pyenv/shims/python", "#!/usr/bin/env bash\n")
    home.put(".pyenv/libexec/pyenv")
    assert home.found("python", ".pyenv/shims") == [".pyenv"]


def test_a_home_is_never_shown_only_the_programs_in_it(home: Home) -> None:
    home.put(".local/bin/uvx")
    home.put("bin/mine")
    home.put("run.sh", "#!/bin/sh\n")
    assert home.found("uvx", ".local/bin") == [".local/bin"]
    assert home.found("mine", "bin") == ["bin"]
    assert home.found(str(home.home / "run.sh")) == ["run.sh"]


def test_a_folder_of_programs_in_a_folder_of_other_things_is_shown_alone(home: Home) -> None:
    home.put(".cargo/bin/uvx")
    home.put(".cargo/credentials.toml", "secret")
    assert home.found("uvx", ".cargo/bin") == [".cargo/bin"]


def test_a_virtual_environment_comes_with_what_it_was_made_from(home: Home) -> None:
    home.put(".local/share/uv/python/cpython-3.13/bin/python3.13")
    home.put(".local/share/uv/python/cpython-3.13/lib/libpython.so")
    home.link(".local/share/uv/python/cpython-3.13/bin/python3", "python3.13")
    tool = ".local/share/uv/tools/server"
    home.put(f"{tool}/bin/server", f"#!{home.home}/{tool}/bin/python\n")
    home.link(f"{tool}/bin/python", f"{home.home}/.local/share/uv/python/cpython-3.13/bin/python3")
    home.put(f"{tool}/pyvenv.cfg", f"home = {home.home}/.local/share/uv/python/cpython-3.13/bin\n")
    home.link(".local/bin/server", f"{home.home}/{tool}/bin/server")
    assert sorted(home.found("server", ".local/bin")) == [
        ".local/bin", ".local/share/uv/python/cpython-3.13", ".local/share/uv/tools/server",
    ]  # fmt: skip


def test_what_tools_put_into_the_workspace_is_not_what_a_name_means(home: Home) -> None:
    home.put("w/.venv/bin/npx")
    home.put("later/bin/npx")
    assert home.found("npx", "w/.venv/bin", "later/bin") == ["later/bin"]
    assert str(home.workspace / ".venv/bin") not in home.places("w/.venv/bin").path([str(home.workspace)])


def test_loops_and_chains_come_to_an_end(home: Home) -> None:
    home.put("bin/a", f"#!{home.home}/bin/b\n")
    home.put("bin/b", f"#!{home.home}/bin/a\n")
    home.link("loop/bin/x", "x")
    assert home.found("a", "bin") == ["bin"]
    assert home.found("x", "loop/bin") == []
    home.put("odd/bin/binary", "#!")
    home.put("odd/bin/long", "#!" + "x" * 100_000)
    assert home.found("binary", "odd/bin") == home.found("long", "odd/bin") == ["odd/bin"]


def test_below_is_meant_by_whole_names() -> None:
    assert within("/a/b", "/a")
    assert within("/a", "/a")
    assert within("/a", "/")
    assert not within("/ab", "/a")
