"""Runs jobs in boxes of their own, several beside each other: most of an attack's time is waiting."""

import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def box(job: dict[str, Any]) -> dict[str, Any]:
    """One job in one box: ``boxed``, and ``skipped`` or ``results`` and ``lock``."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.attacks.box"],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    if done.returncode:
        raise RuntimeError(f"the box ended with status {done.returncode}:\n{done.stderr[-4000:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def boxes(job: dict[str, Any], names: Sequence[str], width: int = 3) -> dict[str, Any]:
    """One job split over ``width`` boxes by the names of attacks or programs."""
    jobs = [{**job, "wanted": share} for share in (list(names[start::width]) for start in range(width)) if share]
    with ThreadPoolExecutor(width) as pool:
        answers = list(pool.map(box, jobs))
    merged = answers[0]
    for other in answers[1:]:
        merged.get("results", {}).update(other.get("results", {}))
    return merged
