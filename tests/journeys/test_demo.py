"""``py-mono demo``: scripted replies; the loop, the tools, the lock and pytest are real."""

import shutil
from pathlib import Path

from tests.journeys.program import Program


def test_the_demo_fixes_a_real_bug(program: Program, tmp_path: Path) -> None:
    played = program.run("demo", TMPDIR=str(tmp_path))
    assert played.status == 0, played.stdout + played.stderr
    assert "the model's replies are scripted" in played.stdout
    assert "-    if amount > DISCOUNT_FROM:" in played.stdout
    assert "+    if amount >= DISCOUNT_FROM:" in played.stdout
    assert "4 passed" in played.stdout.rpartition("$ pytest")[2]
    copies = list(tmp_path.glob("py-mono-demo-*/invoice/invoice/totals.py"))
    assert len(copies) == 1
    assert "amount >= DISCOUNT_FROM" in copies[0].read_text(encoding="utf-8")
    assert not list(tmp_path.glob("py-mono-[0-9]*")), "the private folder stays behind"
    shutil.rmtree(copies[0].parents[2])
