"""The guide to keys: what it says to type on Linux does what it says."""

import os
import re
import subprocess
from pathlib import Path

from tests.journeys.program import BIN, Program

GUIDE = Path(__file__).parents[2] / "docs" / "HOW-TO-SETUP-KEYS.md"
KEY = "gsk_Zk3vQ9xW7hT2mB5nC8pL4rY6"


def test_the_commands_of_the_guide_work(program: Program, tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 6
    (program.workspace / "key.txt").write_text(KEY + "\n")
    environment = program.environment(HOME=str(tmp_path))
    environment["PATH"] = f"{BIN.parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(blocks)],
        cwd=program.workspace,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "The key for groq is stored in .keys.enc, encrypted.",
        "groq  stored in .keys.enc",
        "The stored key for groq is removed.",
        "No key is stored, so there is nothing to encrypt anew.",
        "There is no key: none is stored, and none is in the environment.",
        "How to set one: docs/HOW-TO-SETUP-KEYS.md",
    ]


def test_what_the_guide_names_is_what_there_is() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    for name in (
        "/key list",
        "/key remove",
        "/key rotate",
        "py-mono key set",
        "LLM_MASTER_KEY_OLD",
        "/run/secrets",
        ".keys.enc",
    ):
        assert name in text
