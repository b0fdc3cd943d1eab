"""Run MCP's conformance suite and its reference server against our client and our server; write docs/mcp-conformance.md.

With CI set the document is compared instead of written. Node's packages are installed into tests/conformance by ``npm ci``.
"""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.conformance.claims import CLIENT, NOT_CLIENT, NOT_SERVER, SERVER, SUITE  # noqa: E402 - found through the path
from tests.mcp_servers.running import running  # noqa: E402 - as above

HERE = ROOT / "tests" / "conformance"
DOCUMENT = ROOT / "docs" / "mcp-conformance.md"
NODE = HERE / "node_modules" / ".bin" / "node"
STAMP = HERE / "node_modules" / ".lock-copy"
LIMIT_S = 120
WIDTH = 3
COUNTED = ("SUCCESS", "FAILURE", "WARNING")


def install() -> None:
    """Have the locked packages, unless they are there."""
    lock = (HERE / "package-lock.json").read_bytes()
    if NODE.exists() and STAMP.exists() and STAMP.read_bytes() == lock:
        return
    subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=HERE, check=True)
    STAMP.write_bytes(lock)


def version(package: str) -> str:
    """Of an installed package."""
    found: str = json.loads((HERE / "node_modules" / package / "package.json").read_text())["version"]
    return found


async def checks(side: str, scenario: str, arguments: list[str]) -> tuple[int, list[str]]:
    """How many checks of a scenario were made, and what those say that did not pass."""
    with tempfile.TemporaryDirectory() as folder:
        suite = HERE / "node_modules" / SUITE / "dist" / "index.js"
        process = await asyncio.create_subprocess_exec(
            NODE, suite, side, *arguments, "--scenario", scenario, "-o", folder,
            cwd=HERE, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            said, _ = await asyncio.wait_for(process.communicate(), LIMIT_S)
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)  # the client that it started, too
            await process.wait()
            return 0, [f"it did not end within {LIMIT_S} s"]
        return judged(Path(folder), process.returncode or 0, said.decode(errors="replace")[-400:])


def judged(folder: Path, status: int, said: str) -> tuple[int, list[str]]:
    """The same, from what the suite wrote and said."""
    files = list(folder.rglob("checks.json"))
    if not files:
        return 0, [f"it came to nothing: {said}"]
    made = [check for check in json.loads(files[0].read_text()) if check["status"] in COUNTED]
    wrong = [f"{check['id']}: {check.get('errorMessage', '')}" for check in made if check["status"] != "SUCCESS"]
    if status and not wrong:
        wrong = [f"it ended with status {status}: {said}"]
    return len(made), wrong


async def all_checks(side: str, scenarios: tuple[str, ...], arguments: list[str]) -> dict[str, tuple[int, list[str]]]:
    """The same of several, a few side by side."""
    room = asyncio.Semaphore(WIDTH)

    async def one(scenario: str) -> tuple[int, list[str]]:
        async with room:
            return await checks(side, scenario, arguments)

    found = await asyncio.gather(*(one(scenario) for scenario in scenarios))
    return dict(zip(scenarios, found, strict=True))


def unmentioned() -> list[str]:
    """Scenarios of the installed suite of which neither is said that they pass, nor why they are not claimed."""
    suite = HERE / "node_modules" / SUITE / "dist" / "index.js"
    said = subprocess.run([NODE, suite, "list"], cwd=HERE, capture_output=True, text=True, check=True).stdout
    of_server, _, rest = said.partition("Client scenarios")
    found = []
    for text, claimed, left_out in ((of_server, SERVER, NOT_SERVER), (rest.partition("\n\n")[0], CLIENT, NOT_CLIENT)):
        patterns = [pattern for names in left_out for pattern in names.split(", ")]
        names = re.findall(r"^  - (\S+)", text, re.MULTILINE)
        found += [name for name in names if not any(fnmatchcase(name, pattern) for pattern in (*claimed, *patterns))]
    return found


def table(title: str, scenarios: tuple[str, ...], left_out: dict[str, str]) -> str:
    """One side of the document."""
    rows = [f"| `{scenario}` | passes |" for scenario in scenarios]
    rows += [f"| `{scenario}` | not claimed: {why} |" for scenario, why in left_out.items()]
    return "\n".join([f"## {title}", "", "| scenario | |", "|---|---|", *rows])


def document() -> str:
    """What is claimed, which a run of this script has just shown."""
    intro = (
        "# Conformance with MCP\n\n"
        f"Made by `make conformance` from a run of `{SUITE}` {version(SUITE)} (Node {version('node').split('.')[0]}) and "
        f"of the reference server\n`@modelcontextprotocol/server-everything` "
        f"{version('@modelcontextprotocol/server-everything')}. It is the newest there is, and an\nalpha: the "
        "newest stable one, 0.1.16, knows fewer scenarios. A scenario passes where all of its checks do, and at least one is made.\nWhat is driven is our own client layer (`py_mono/mcp_integration`), not the library beneath it.\n"
    )
    everything = (
        "## The reference server\n\n"
        "`server-everything` is used over stdio, in its lock, and over streamable HTTP: `tests/conformance/test_everything.py`.\n"
    )
    client = table("The client", CLIENT, NOT_CLIENT)
    server = table("The server `datetime`", SERVER, NOT_SERVER)
    return f"{intro}\n{client}\n\n{server}\n\n{everything}"


def main() -> int:
    """Run all; 1 where something that is claimed fails, or the document says something else."""
    install()
    client = [sys.executable, "-m", "tests.conformance.client"]
    results = asyncio.run(all_checks("client", CLIENT, ["--command", " ".join(client)]))
    with running("datetime") as server:
        results |= asyncio.run(all_checks("server", SERVER, ["--url", server.url]))
    failed = False
    for scenario, (made, wrong) in results.items():
        print(f"{'FAIL' if wrong or not made else 'pass'}  {scenario}  {made - len(wrong)} of {made}", flush=True)
        for line in wrong or ([] if made else ["no check was made"]):
            failed = True
            print(f"      {line}")
    for name in unmentioned():
        failed = True
        print(f"FAIL  {name}: the suite has it, and tests/conformance/claims.py says nothing of it")
    tests = subprocess.run([sys.executable, "-m", "pytest", "-q", str(HERE)], cwd=ROOT, check=False)
    if failed or tests.returncode:
        return 1
    if os.environ.get("CI"):
        if not DOCUMENT.exists() or DOCUMENT.read_text(encoding="utf-8") != document():
            print(f"{DOCUMENT.relative_to(ROOT)} is out of date: run make conformance")
            return 1
        return 0
    DOCUMENT.write_text(document(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
