"""Docker and Podman leave signs."""

from pathlib import Path

import pytest

from py_mono.config import read
from py_mono.ui.arguments import Arguments
from py_mono.utils import container


@pytest.mark.parametrize("sign", ["/.dockerenv", "/run/.containerenv"])
def test_either_is_a_container_whose_host_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sign: str) -> None:
    there = tmp_path / sign.strip("/").replace("/", "-")
    monkeypatch.setattr(container, "_SIGNS", (str(tmp_path / "none"), str(there)))
    environ = {"PY_MONO_HOME": str(tmp_path)}
    flags = Arguments()
    flags.command = "sessions"
    assert (container.in_container(), read(flags, environ).base_url) == (False, "")
    there.touch()
    assert (container.in_container(), read(flags, environ).base_url) == (True, "http://host.docker.internal:11434")
    assert read(flags, {**environ, "OLLAMA_HOST": " gpu:1 "}).base_url == "gpu:1"
