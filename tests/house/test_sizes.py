"""Limits with no list of exceptions: a file 300 lines, a function 50, a class 15 methods."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILE_LINES, FUNCTION_LINES, CLASS_METHODS = 300, 50, 15
SAMPLE = ROOT / "py_mono" / "ui" / "sample_project"


def sources() -> list[Path]:
    found = [
        path
        for folder in ("py_mono", "mcp_servers", "benchmarks", "scripts")
        for path in sorted((ROOT / folder).rglob("*.py"))
    ]
    return [path for path in found if SAMPLE not in path.parents]


def too_large(text: str) -> Iterator[str]:
    lines = text.count("\n") + 1
    if lines > FILE_LINES + 1:
        yield f"{lines - 1} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield f"{node.name}: {length} lines"
        elif isinstance(node, ast.ClassDef):
            methods = sum(isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) for item in node.body)
            if methods > CLASS_METHODS:
                yield f"{node.name}: {methods} methods"


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_file_outgrows_its_room(path: Path) -> None:
    assert list(too_large(path.read_text(encoding="utf-8"))) == []


def test_the_limits_can_be_broken() -> None:
    function = "def long() -> None:\n" + "    pass\n" * 50
    crowd = "class Crowd:\n" + "".join(f"    def m{n}(self) -> None: ...\n" for n in range(16))
    assert list(too_large(function)) == ["long: 51 lines"]
    assert list(too_large(crowd)) == ["Crowd: 16 methods"]
    assert list(too_large("x = 1\n" * 301)) == ["301 lines"]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_stand_at_the_top(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = [
        f"line {node.lineno}"
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert inside == []


@pytest.mark.parametrize("path", sorted((ROOT / "py_mono").rglob("__init__.py")), ids=lambda path: path.parent.name)
def test_package_files_hold_a_docstring_only(path: Path) -> None:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    assert len(body) == 1
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
