"""The image that the images of the container tests stand on: one that is given, the Dockerfile's own, or a Debian."""

import contextlib
import os
import platform
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".docker-base"
"""Where a Debian is kept, so that the next run need not make one; ``make clean`` removes it."""
SUITE = "trixie"
ARCHIVE = "http://deb.debian.org/debian"
_KEPT_S = 7 * 24 * 3600
_PULL_S = 180
_AUTHORITIES = Path("/usr/local/share/ca-certificates")
_CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", re.DOTALL)


def say(text: str) -> None:
    """Tell the person what happens."""
    print(f"== {text}", file=sys.stderr, flush=True)


def prepare(name: str) -> tuple[str, bool]:
    """The base to build on, and whether it was made here, under the name given."""
    base, made = os.environ.get("BASE_IMAGE", ""), False
    if not base:
        base = _default()
        if not _there(base) and not _pulled(base):
            say(f"{base} cannot be pulled; Debian {SUITE} stands in")
            with _debian() as archive:
                _docker("import", "--change", 'CMD ["python3"]', str(archive), name)
            base, made = name, True
    if certificates := _own_authorities():
        _docker_build(base, name, certificates)
        base, made = name, True
    return base, made


def _default() -> str:
    found = re.search(r"^ARG BASE_IMAGE=(\S+)", (ROOT / "docker/Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        sys.exit("docker/Dockerfile names no BASE_IMAGE")
    return found[1]


def _there(image: str) -> bool:
    return subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode == 0


def _pulled(image: str) -> bool:
    try:
        done = subprocess.run(["docker", "pull", "--quiet", image], capture_output=True, check=False, timeout=_PULL_S)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


@contextlib.contextmanager
def _debian() -> Iterator[Path]:
    """A smallest Debian with Python, as an archive: made once a week."""
    kept = CACHE / f"{SUITE}-{platform.machine()}.tar"
    if kept.exists() and time.time() - kept.stat().st_mtime < _KEPT_S:
        yield kept
        return
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        sys.exit("a Debian is made by root with debootstrap: install it, or name an image in BASE_IMAGE")
    with tempfile.TemporaryDirectory(prefix="py-mono-debian-", dir="/var/tmp", ignore_cleanup_errors=True) as folder:
        root = Path(folder, "root")
        say(f"making Debian {SUITE} with debootstrap")
        try:
            _quietly("debootstrap", "--variant=minbase", "--include=python3,ca-certificates", SUITE, str(root), ARCHIVE)
            CACHE.mkdir(exist_ok=True)
            unfinished = kept.with_suffix(".part")
            _quietly(
                "tar", "-C", str(root), "--one-file-system", "--exclude=./var/cache/apt/*", "-cf", str(unfinished), "."
            )
            unfinished.replace(kept)
        finally:  # where it was stopped half-way
            for mounted in ("proc", "sys"):
                subprocess.run(["umount", root / mounted], capture_output=True, check=False)
    yield kept


def _quietly(*command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        sys.exit("\n".join([f"{command[0]} failed:", *done.stdout.splitlines()[-12:]]))


def _docker(*arguments: str) -> None:
    _quietly("docker", *arguments)


def _own_authorities() -> list[str]:
    """What this machine trusts beyond its distribution, without which nothing could be fetched from an image either."""
    files = sorted(_AUTHORITIES.glob("**/*.crt"))
    named = os.environ.get("SSL_CERT_FILE", "")
    if (
        named
        and Path(named).resolve()
        != Path(ssl.get_default_verify_paths().openssl_capath, "ca-certificates.crt").resolve()
    ):
        files.append(Path(named))
    texts = (file.read_text(encoding="utf-8", errors="replace") for file in files if file.is_file())
    return [certificate for text in texts for certificate in _CERTIFICATE.findall(text)]


def _docker_build(base: str, name: str, certificates: list[str]) -> None:
    """The base, and the certificates as Debian wants them: each in a file of its own."""
    with tempfile.TemporaryDirectory() as folder:
        for certificate in certificates:
            path = Path(folder, "own-" + sha256(certificate.encode()).hexdigest()[:16] + ".crt")
            path.write_text(certificate, encoding="utf-8")
        Path(folder, "Dockerfile").write_text(
            f"FROM {base}\nCOPY *.crt {_AUTHORITIES}/\nRUN update-ca-certificates\n", encoding="utf-8"
        )
        _docker("build", "--quiet", "--tag", name, folder)
