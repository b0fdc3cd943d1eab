"""What must not be imported before it is needed, seen from a fresh interpreter."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "asyncio",
    "cryptography",
    "msgspec",
    "prompt_toolkit",
    "markdown_it",
    "pygments",
    "rich",
    "jsonschema_rs",
    "h11",
    "ssl",
    "subprocess",
    "dotenv",
    "pytest",
    "litellm",
    "openai",
    "httpx",
    "pydantic",
}


def loaded(code: str) -> set[str]:
    """The top-level modules in a fresh interpreter after ``code``."""
    probe = f"import sys, json\n{code}\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, check=True, text=True)
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_the_version_needs_next_to_nothing() -> None:
    modules = loaded("sys.argv = ['py-mono', '--version']\nfrom py_mono.main import main\nassert main() == 0")
    assert not HEAVY & modules
    assert not {"argparse", "typing"} & modules


@pytest.mark.parametrize("door", ["py_mono.main", "py_mono.config", "py_mono.ui.arguments", "py_mono.sandbox.launch"])
def test_what_runs_before_the_worker_is_started_is_light(door: str) -> None:
    assert not HEAVY & loaded(f"import {door}")


def test_the_wired_program_loads_nothing_heavy() -> None:
    modules = loaded("import py_mono.wiring.commands")
    assert not (HEAVY - {"asyncio", "msgspec", "ssl", "subprocess"}) & modules


@pytest.mark.parametrize("face", ["oneshot", "repl"])
def test_what_a_mistyped_command_needs_is_not_loaded_before_it_is_typed(face: str) -> None:
    modules = loaded(f"import py_mono.wiring.commands, py_mono.ui.{face}")
    assert not {"difflib", "py_mono.security.keys.vault", "py_mono.llm.chain", "py_mono.config_file"} & modules


def test_a_plain_message_has_nothing_compiled_that_looks_for_keys_in_lines() -> None:
    compiled = "import re\nassert not any('anthropic|cohere' in str(key) for key in re._cache)"
    loaded(f"from py_mono.ui.line.secret import key_line\nkey_line('say hello')\n{compiled}")


def test_a_provider_of_clouds_is_made_without_what_speaks_to_them() -> None:
    code = (
        "from py_mono.llm.registry import create\n"
        "from py_mono.llm.settings import ProviderSettings\n"
        "create(ProviderSettings(provider='litellm', model='groq/m', environment={'GROQ_API_KEY': 'k'}))"
    )
    assert not {"litellm", "openai", "httpx", "pydantic"} & loaded(code)


def test_who_comes_and_goes_again_never_waits_for_the_clouds(tmp_path: Path) -> None:
    workspace = tmp_path / "project"
    workspace.mkdir()
    done = subprocess.run(
        [Path(sys.executable).parent / "py-mono"],
        input=b"/bye\n",
        capture_output=True,
        check=True,
        cwd=workspace,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "PYTHONPROFILEIMPORTTIME": "1"},
    )
    assert b"py_mono.llm.registry" in done.stderr
    assert not [name for name in (b"litellm", b"openai", b"httpx", b"pydantic") if name in done.stderr]


@pytest.mark.parametrize("guest", ["py_mono.sandbox.worker", "py_mono.sandbox.confine"])
def test_guests_start_from_the_standard_library_without_its_heavy_parts(guest: str) -> None:
    modules = loaded(f"import {guest}")
    assert not {"asyncio", "msgspec", "typing", "dataclasses", "pathlib", "subprocess", "logging", "inspect"} & modules
