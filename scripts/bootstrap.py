"""Make a virtual environment with the locked dependencies, from nothing but Python: ``bootstrap.py VENV``.

uv comes from PyPI through pip where the interpreter can make a venv with pip; a Debian Python without ``python3-venv``
cannot, so there the wheel is fetched from the index, checked against the hash in ``uv.lock``, and its binary unpacked.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import urllib.request
import zipfile
from hashlib import sha256
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def say(text: str) -> None:
    """Tell the person what happens; on stderr, so that pipes stay clean."""
    print(text, file=sys.stderr, flush=True)


def locked_uv() -> dict[str, object]:
    """Find uv's entry in the lock file: version, and its wheels with their hashes."""
    with (ROOT / "uv.lock").open("rb") as file:
        lock = tomllib.load(file)
    return next(package for package in lock["package"] if package["name"] == "uv")


def wheel_for_this_machine(package: dict[str, object]) -> dict[str, str]:
    """The wheel whose platform tag fits: Linux by C library and machine, macOS by machine."""
    machine = {"arm64": "aarch64"}.get(platform.machine(), platform.machine())
    if sys.platform == "darwin":
        pattern = rf"macosx_.*_{platform.machine()}\.whl$"
    else:
        libc = "manylinux" if platform.libc_ver()[0] == "glibc" else "musllinux"
        pattern = rf"{libc}.*_{machine}[.\w]*\.whl$"
    for wheel in package["wheels"]:
        if re.search(pattern, wheel["url"]):
            return wheel
    sys.exit(f"no uv wheel for {sys.platform} on {machine}: install uv by hand, then run: uv sync --frozen")


def fetch_uv(venv: Path) -> None:
    """Unpack the locked uv binary into the environment, without pip."""
    wheel = wheel_for_this_machine(locked_uv())
    say(f"fetching {wheel['url'].rsplit('/', 1)[-1]}")
    with urllib.request.urlopen(wheel["url"], timeout=180) as answer:
        body = answer.read()
    if "sha256:" + sha256(body).hexdigest() != wheel["hash"]:
        sys.exit("the uv wheel is not the one the lock file names: its hash differs; nothing was installed")
    with zipfile.ZipFile(BytesIO(body)) as archive:
        name = next(name for name in archive.namelist() if name.endswith("/scripts/uv"))
        target = venv / "bin" / "uv"
        target.write_bytes(archive.read(name))
        target.chmod(0o755)


def make_environment(venv: Path) -> None:
    """A venv with the locked uv in it."""
    with_pip = find_spec("ensurepip") is not None
    say(f"making {venv} with Python {platform.python_version()}")
    subprocess.run(
        [sys.executable, "-m", "venv", *([] if with_pip else ["--without-pip"]), "--clear", str(venv)], check=True
    )
    if not with_pip:
        fetch_uv(venv)
        return
    version = locked_uv()["version"]
    say(f"installing uv {version}")
    python = venv / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"uv=={version}"], check=True
    )


def sync(venv: Path) -> None:
    """Bring the environment to what the lock file says."""
    say("installing the locked dependencies")
    environment = dict(os.environ)
    environment.update(
        UV_PROJECT_ENVIRONMENT=str(venv), UV_PYTHON_DOWNLOADS="never", VIRTUAL_ENV=str(venv), UV_COMPILE_BYTECODE="1"
    )  # bytecode now: in the lock, where the tests of a workspace run, the environment cannot be written
    if os.environ.get("SSL_CERT_FILE"):
        environment.setdefault("UV_SYSTEM_CERTS", "1")
    with tempfile.TemporaryDirectory() as folder:  # uv replaces itself in the environment: run a copy
        uv = shutil.copy2(venv / "bin" / "uv", folder)
        subprocess.run([uv, "sync", "--frozen", "--quiet"], cwd=ROOT, env=environment, check=True)


def main() -> int:
    """Entry point."""
    if sys.version_info < (3, 11):
        sys.exit(
            f"Python 3.11 or newer is needed; this is {platform.python_version()}. Try: make PYTHON=python3.12 setup"
        )
    venv = Path(sys.argv[1] if len(sys.argv) > 1 else ".venv").absolute()
    try:
        if not (venv / "bin" / "uv").exists():
            make_environment(venv)
        sync(venv)
        say(f"ready: {os.path.relpath(venv)}/bin/py-mono")
    except subprocess.CalledProcessError as error:
        say(
            "this did not work: packages come from PyPI. Is there a network, and are HTTPS_PROXY and SSL_CERT_FILE right?"
        )
        return error.returncode or 1
    except OSError as error:
        sys.exit(f"could not set up {venv}: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
