"""The example of ``docs/providers.md``, put where the document says: it is a provider like any other."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def example(name: str) -> str:
    """The block of code behind the mark of this name."""
    text = (ROOT / "docs/providers.md").read_text(encoding="utf-8")
    found = re.search(rf"<!-- example: {name} -->\n```python\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program with one file and one row more."""
    tree = tmp_path_factory.mktemp("tree")
    shutil.copytree(ROOT / "py_mono", tree / "py_mono", ignore=shutil.ignore_patterns("__pycache__"))
    (tree / "py_mono/llm/echo.py").write_text(example("file"), encoding="utf-8")
    registry = tree / "py_mono/llm/registry.py"
    before, begin, after = registry.read_text(encoding="utf-8").partition("PROVIDERS = {\n")
    assert begin
    registry.write_text(before + begin + example("row") + after, encoding="utf-8")
    return tree


def run(tree: Path, base: Path, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    (base / "project").mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-m", "py_mono.main", *arguments],
        cwd=base / "project",
        env={"PATH": os.environ["PATH"], "PY_MONO_HOME": str(base / "home"), "PYTHONPATH": str(tree)},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_answers_a_real_turn(tree: Path, tmp_path: Path) -> None:
    done = run(tree, tmp_path, "-p", "say it again", "--provider", "echo")
    assert (done.returncode, done.stdout.strip()) == (0, "say it again"), done.stderr


def test_it_is_listed_switched_to_and_bound_for_one_message(tree: Path, tmp_path: Path) -> None:
    lines = ["/provider echo", "/providers", "/model", "/model starling", "/model cuckoo", "hello there",
             "use echo/parrot just for this task: good night"]  # fmt: skip
    done = run(tree, tmp_path, stdin="".join(f"{line}\n" for line in lines))
    assert done.returncode == 0, done.stderr
    for words in (
        "Switched provider to EchoProvider (echo) using model 'parrot'.",
        "* echo        ready      2 birds",
        "Active model: parrot\n* parrot\n  starling\n",
        "Switched provider to EchoProvider (echo) using model 'starling'.",
        "there is no bird 'cuckoo'\nchoose one of parrot, starling\nNothing was changed: starling (echo) answers.",
        "hello there",
        "parrot (echo) answers this once",
        "good night",
        "from here on starling (echo) answers again",
    ):
        assert words in done.stdout


def test_it_can_be_misspelled(tree: Path, tmp_path: Path) -> None:
    done = run(tree, tmp_path, "-p", "x", "--provider", "ecko")
    assert done.returncode == 2
    assert "did you mean echo?" in done.stderr
