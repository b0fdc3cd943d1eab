"""Documents that say what the program says, and links that lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "AGENTS.md", "CHANGELOG.md")] + sorted(
    (ROOT / "docs").rglob("*.md")
)


def test_the_reference_is_what_the_program_says() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/reference.py"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        env={"PYTHONPATH": str(ROOT)},
    )
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert _without_wording(done.stdout.decode()) == _without_wording(page), "run: make docs"


def _without_wording(page: str) -> str:
    """argparse aligns its columns, and repeats the name of a value, differently from version to version."""
    page = re.sub(r"(-\w) (\[?[A-Z]+\]?), (--[\w-]+) \2", r"\1, \3 \2", page)
    return " ".join(page.split())


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8"))
    broken = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert broken == []


def test_every_decision_has_its_parts() -> None:
    parts = ["## Context", "## Decision", "## Consequences", "## What would make us change it"]
    for path in sorted((ROOT / "docs" / "adr").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        assert re.match(rf"# {path.name[:3]}\. .+\n\nStatus: (accepted|superseded by \d{{3}})\n", text), path.name
        assert re.findall(r"^## .+$", text, re.MULTILINE) == parts, path.name


def test_the_agents_guide_is_short() -> None:
    assert len((ROOT / "AGENTS.md").read_text(encoding="utf-8").splitlines()) < 100
