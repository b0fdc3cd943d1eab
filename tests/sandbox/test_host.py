import os
import stat
import subprocess
import sys
from pathlib import Path

from py_mono.sandbox.host import make_private_folder
from tests.sandbox.locking import REPOSITORY

_HARDENED = f"""
import os, sys
sys.path.insert(0, {str(REPOSITORY)!r})
from py_mono.sandbox.host import harden_host
harden_host()
target = os.getpid()
looker = os.fork()
if looker == 0:
    if os.geteuid() == 0:
        os.setgroups([]); os.setresuid(65534, 65534, 65534)
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
print(os.wait()[1])  # the grandchild became ours
"""


def test_a_hardened_host_cannot_be_looked_into_and_inherits_orphans() -> None:
    command = [sys.executable, "-I", "-S", "-c", _HARDENED]
    done = subprocess.run(command, capture_output=True, text=True, check=True, input="x")
    assert done.stdout.split() == ["closed", "0"]


def test_private_folders_are_new_each_time_and_closed_to_others(tmp_path: Path) -> None:
    paths = {make_private_folder(str(tmp_path)) for _ in range(3)}
    assert len(paths) == 3
    assert {stat.S_IMODE(os.stat(path).st_mode) for path in paths} == {0o700}
