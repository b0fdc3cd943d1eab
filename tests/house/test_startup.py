"""What must not be imported before it is needed, seen from a fresh interpreter."""

import json
import subprocess
import sys

import pytest

HEAVY = {
    "asyncio",
    "msgspec",
    "prompt_toolkit",
    "rich",
    "jsonschema_rs",
    "h11",
    "ssl",
    "subprocess",
    "dotenv",
    "pytest",
}


def loaded(code: str) -> set[str]:
    """The top-level modules in a fresh interpreter after ``code``."""
    probe = f"import sys, json\n{code}\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, check=True, text=True)
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_the_version_needs_next_to_nothing() -> None:
    modules = loaded("sys.argv = ['py-mono', '--version']\nfrom py_mono.main import main\nassert main() == 0")
    assert not HEAVY & modules
    assert "argparse" not in modules


@pytest.mark.parametrize("door", ["py_mono.main", "py_mono.config", "py_mono.ui.arguments", "py_mono.sandbox.launch"])
def test_what_runs_before_the_worker_is_started_is_light(door: str) -> None:
    assert not HEAVY & loaded(f"import {door}")


def test_the_wired_program_loads_nothing_heavy() -> None:
    modules = loaded("import py_mono.wiring")
    assert not {"prompt_toolkit", "rich", "jsonschema_rs", "h11", "dotenv", "pytest", "pydantic"} & modules


@pytest.mark.parametrize("guest", ["py_mono.sandbox.worker", "py_mono.sandbox.confine"])
def test_guests_start_from_the_standard_library_without_its_heavy_parts(guest: str) -> None:
    modules = loaded(f"import {guest}")
    assert not {"asyncio", "msgspec", "typing", "dataclasses", "pathlib", "subprocess", "logging", "inspect"} & modules
