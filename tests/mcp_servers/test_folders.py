"""Each folder is a server of its own: what it imports it names, what it locks is public, its image differs by name only."""

import ast
import re
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest

from mcp_servers.common.settings import VERSION

ROOT = Path(__file__).resolve().parents[2]
SERVERS = {"datetime": 50051, "weather": 50052, "geocoding": 50053, "search": 50054}
PROVIDES = {"fastmcp-slim": {"fastmcp", "mcp_types", "pydantic", "starlette", "httpx2"}}
EVERY = pytest.mark.parametrize("name", SERVERS)


def folder(name: str) -> Path:
    return ROOT / "mcp_servers" / name


def project(name: str) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((folder(name) / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


def files_of(module: str, seen: set[Path]) -> set[Path]:
    """The files of this project that a module brings with it."""
    path = ROOT / (module.replace(".", "/") + ".py")
    if path in seen or not path.exists():
        return seen
    seen.add(path)
    for name in imports(path):
        if name.startswith("mcp_servers."):
            files_of(name, seen)
    return seen


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_every_server_is_looked_at() -> None:
    assert {path.parent.name for path in (ROOT / "mcp_servers").glob("*/server.py")} == set(SERVERS)


@EVERY
def test_it_names_what_it_imports_and_nothing_else(name: str) -> None:
    named = {re.split(r"[\[<>=]", one)[0] for one in project(name)["dependencies"]}
    provided = {module for one in named for module in PROVIDES.get(one, {one})}
    used = {
        module.split(".")[0]
        for path in files_of(f"mcp_servers.{name}.server", set())
        for module in imports(path)
        if module.split(".")[0] not in sys.stdlib_module_names | {"mcp_servers"}
    }
    assert used <= provided
    assert named - used <= {"fastmcp-slim", "tzdata"}


@EVERY
def test_its_lock_holds_public_addresses_and_its_own_name(name: str) -> None:
    text = (folder(name) / "uv.lock").read_text(encoding="utf-8")
    hosts = {urlparse(url).hostname for url in re.findall(r'"(https?://[^"]+)"', text)}
    assert hosts == {"pypi.org", "files.pythonhosted.org"}
    (own,) = [package for package in tomllib.loads(text)["package"] if package["source"] == {"virtual": "."}]
    assert own["name"] == project(name)["name"] == f"py-mono-{name}-mcp"


@EVERY
def test_it_runs_on_the_library_that_is_tested_here(name: str) -> None:
    def version(lock: Path) -> str:
        packages = tomllib.loads(lock.read_text(encoding="utf-8"))["package"]
        return next(str(package["version"]) for package in packages if package["name"] == "fastmcp-slim")

    assert version(folder(name) / "uv.lock") == version(ROOT / "uv.lock")


@EVERY
def test_it_has_the_version_that_it_tells(name: str) -> None:
    assert project(name)["version"] == VERSION


@EVERY
def test_its_image_differs_from_the_first_by_name_and_port_only(name: str) -> None:
    mine = (folder(name) / "Dockerfile").read_text(encoding="utf-8")
    first = (folder("datetime") / "Dockerfile").read_text(encoding="utf-8")
    assert mine == first.replace("datetime", name).replace("50051", str(SERVERS[name]))


def test_the_image_is_made_as_is_promised() -> None:
    text = (folder("datetime") / "Dockerfile").read_text(encoding="utf-8")
    assert text.count("FROM ${BASE_IMAGE}") == 2
    assert "ARG BASE_IMAGE=python:3.13-slim-trixie\n" in text
    assert "uv sync --frozen" in text
    assert "\nUSER 10001:10001\n" in text
    assert "\nHEALTHCHECK " in text


@EVERY
def test_its_port_is_the_one_of_its_image(name: str) -> None:
    assert f"\nPORT = {SERVERS[name]}\n" in (folder(name) / "server.py").read_text(encoding="utf-8")
