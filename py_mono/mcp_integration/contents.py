"""What a consent to a repository's server is bound to: its entry as it is filled in, and the files that it starts with.

A program that lies in the workspace is what the model can change: a yes to its name alone would be a yes to anything.
"""

import json
import os
import stat
from collections.abc import Mapping

from py_mono.mcp_integration.server import Server
from py_mono.utils.digests import blake2b

_LARGEST = 4 << 20
"""Bytes that are read of all files together; a file that goes beyond is known by its size and its times alone."""


def digest_now(server: Server, files: Mapping[str, str]) -> str:
    """What a yes to it means now: BLAKE2b-128, hex. Values of ``env`` and ``headers`` are not in it, for they are the person's."""
    meant = [server.digest, server.command, *server.args, server.cwd, server.url, sorted(files.items())]
    return blake2b(json.dumps(meant).encode(), digest_size=16).hexdigest()


def files_of(server: Server, workspace: str) -> dict[str, str]:
    """The files of the workspace that a server's command line names, by their paths below it, each with a digest.

    What these load in their turn is not among them. Never fails: what cannot be read is not there.
    """
    root, start = os.path.realpath(workspace), server.cwd or workspace
    found: dict[str, str] = {}
    left = _LARGEST
    for word in (server.command, *server.args) if server.command else ():
        for part in {word, word.partition("=")[2]} - {""}:
            try:
                path = os.path.realpath(os.path.join(start, part))
            except ValueError:  # no path can hold that
                continue
            if os.path.commonpath((root, path)) != root or path[len(root) + 1 :] in found:
                continue
            if (read := _digest(path, left)) is not None:
                found[path[len(root) + 1 :]], size = read
                left -= size
    return found


def _digest(path: str, limit: int) -> tuple[str, int] | None:
    """Of a regular file, and the bytes that were read for it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except (OSError, ValueError):
        return None
    try:
        seen = os.fstat(descriptor)
        if not stat.S_ISREG(seen.st_mode):
            return None
        mode = "x" if seen.st_mode & 0o111 else "-"
        if seen.st_size > limit:
            return f"{mode} {seen.st_size} {seen.st_mtime_ns} {seen.st_ctime_ns}", 0
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(limit + 1)
        return f"{mode} {blake2b(data, digest_size=16).hexdigest()}", len(data)
    except OSError:
        return None
    finally:
        os.close(descriptor)
