"""Build and run the containers, and attack them: ``docker_test.py``; ``docker_test.py --check`` says if it could.

A running engine is used where ``docker info`` answers. Else one is started, with everything it makes in namespaces and
a folder of its own, and stopped at the end. The base of the images: ``BASE_IMAGE``, or the Dockerfile's own where it can
be pulled, or a Debian made with debootstrap.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

import docker_base
import docker_engine

CANNOT = 3
"""The status of ``--check`` where no engine answers and none can be started."""
_INSIDE = "--inside"


def main(arguments: list[str]) -> int:
    """Entry point."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's `&` has it ignored
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    if arguments[:1] == [_INSIDE]:
        name, folder, waiting = arguments[1:]
        with docker_engine.engine(name, Path(folder), int(waiting)) as address:
            os.environ.update(DOCKER_HOST=address, OWN_ENGINE="1", TMPDIR=folder)
            return run_tests()
    running = docker_engine.answers()
    lacks = "" if running else docker_engine.machine_lacks()
    if arguments == ["--check"]:
        if lacks:
            print(f"no Docker engine answers, and none can be started: {lacks}")
        return CANNOT if lacks else 0
    if arguments:
        sys.exit("docker_test.py takes nothing, or --check")
    if lacks:
        sys.exit(f"no Docker engine answers, and none can be started: {lacks}")
    if missing := _missing(running=running):
        sys.exit(
            f"install first: {', '.join(missing)} (Debian: apt-get install docker.io iptables docker-compose debootstrap)"
        )
    if running:
        docker_base.say("with the engine that runs")
        return run_tests()
    docker_base.say("with an engine of its own")
    return docker_engine.run_inside([sys.executable, __file__, _INSIDE])


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _missing(*, running: bool) -> list[str]:
    programs = () if running else docker_engine.PROGRAMS
    missing = [program for program in programs if shutil.which(program) is None]
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False) if not missing else None
    if (plugin is None or plugin.returncode != 0) and shutil.which("docker-compose") is None:
        missing.append("docker compose")
    return missing


def run_tests() -> int:
    """Run tests/docker on the engine of ``DOCKER_HOST``, with a base; takes away what was made for it."""
    began = time.monotonic()
    before = _images()
    name = f"py-mono-base-{secrets.token_hex(3)}"
    try:
        base, _ = docker_base.prepare(name)
        docker_base.say(f"the base is {base} ({time.monotonic() - began:.0f}s)")
        tests = subprocess.Popen(
            [
                *(sys.executable, "-m", "pytest", "tests/docker", "-rA", "--timeout=900"),
                *("--tb=short", "-q"),
            ],
            cwd=docker_base.ROOT,
            env={**os.environ, "BASE_IMAGE": base},
            start_new_session=True,
        )
        return docker_engine.patiently(tests)
    finally:
        # Layers of a build stage have no name; what somebody uses is not removed without force.
        for image in [name, *sorted(_images() - before)]:
            subprocess.run(["docker", "rmi", image], capture_output=True, check=False)


def _images() -> set[str]:
    listed = subprocess.run(
        ["docker", "image", "ls", "--quiet", "--filter", "dangling=true"], stdout=subprocess.PIPE, text=True, check=True
    )
    return set(listed.stdout.split())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
