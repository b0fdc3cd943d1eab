import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox.locking import REPOSITORY

_HARDENED = f"""
import os, struct, sys
sys.path.insert(0, {str(REPOSITORY)!r})
from py_mono.sandbox.host import harden_host, kernel
# as root, an ordinary user: capabilities would decide
kernel.call("capset", kernel.libc.capset, struct.pack("=Ii", 0x20080522, 0), bytes(24))
if sys.argv[1] == "harden":
    harden_host()
if sys.argv[1] == "launch":
    from py_mono.sandbox.launch import Launcher
    launcher = Launcher(os.environ["WORKSPACE"])
    launcher.start()
    launcher.close()
target = os.getpid()
looker = os.fork()
if looker == 0:
    try: open(f"/proc/{{target}}/environ", "rb").read(); print("read", flush=True)
    except PermissionError: print("closed", flush=True)
    os._exit(0)
os.waitpid(looker, 0)
middle = os.fork()
if middle == 0:
    if os.fork() == 0:
        os.read(0, 1)
    os._exit(0)
os.waitpid(middle, 0)
try: print(os.wait()[1])  # the grandchild became ours
except ChildProcessError: print("lost")
"""


@pytest.mark.parametrize(("wanted", "outcome"), [("harden", ["closed", "0"]), ("leave", ["read", "lost"])])
def test_a_hardened_host_cannot_be_looked_into_and_inherits_orphans(wanted: str, outcome: list[str]) -> None:
    command = [sys.executable, "-I", "-S", "-c", _HARDENED, wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=True, input="x")
    assert done.stdout.split() == outcome


def test_starting_a_worker_hardens_the_host(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", "-c", _HARDENED, "launch"]
    environment = {"WORKSPACE": str(tmp_path), "TMPDIR": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, input="x", env=environment)
    assert done.stdout.split()[0] == "closed"
