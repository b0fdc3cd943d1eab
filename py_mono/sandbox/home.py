"""GUEST. The tools' home, and where they work on a copy; made before the lock is put on.

The private folder may have been a former worker's, whose tools could put there what they liked, while this process may
still be root and unconfined: so no link is followed, and nothing that was there is trusted.
"""

import os
import stat

from py_mono.sandbox.profile import Profile

_GIT_IDENTITY = b"[user]\n\tname = py-mono\n\temail = py-mono@localhost\n"  # the workspace's own configuration wins
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def prepare(profile: Profile) -> None:
    """Make ``home`` in the private folder, with a git identity in it, all owned by whom the tools run as.

    Raises:
        OSError: It cannot be made.
    """
    made = [os.open(profile.private_tmp, _FOLDER)]
    try:
        made.append(_real_folder(made[0], "home"))
        _write_new(made, ".gitconfig", _GIT_IDENTITY)
        if profile.uid is not None and profile.gid is not None and os.geteuid() == 0:
            for descriptor in made:
                os.fchown(descriptor, profile.uid, profile.gid)
    finally:
        for descriptor in made:
            os.close(descriptor)


def work_in_copy(profile: Profile) -> None:
    """Where a profile has a copy of the workspace, work at the copy's own path; what is lent becomes links."""
    if not profile.copy:
        return
    workspace, profile.workspace = profile.workspace, profile.copy
    profile.readable = (*profile.readable, *profile.lent)
    for path in profile.lent:
        place = os.path.join(profile.copy, os.path.relpath(path, workspace))
        try:
            seen = os.lstat(place)
            if stat.S_ISDIR(seen.st_mode):
                os.rmdir(place)
            elif stat.S_ISREG(seen.st_mode) and not seen.st_size:
                os.unlink(place)
            os.symlink(path, place)
        except OSError:  # a worker before this one made the link, or tools put something there
            continue


def _real_folder(parent: int, name: str) -> int:
    """Open a folder that is no link and can be used; what else bears its name is moved aside."""
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        try:
            return os.open(name, _FOLDER, dir_fd=parent)
        except OSError:
            os.rename(name, f"{name}.{os.urandom(4).hex()}", src_dir_fd=parent, dst_dir_fd=parent)
            os.mkdir(name, 0o700, dir_fd=parent)
    return os.open(name, _FOLDER, dir_fd=parent)


def _write_new(made: list[int], name: str, content: bytes) -> None:
    """Write a file into the folder last made, and remember it; what is there already stays the tools' own."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        made.append(os.open(name, flags, 0o600, dir_fd=made[-1]))
    except FileExistsError:
        return
    os.write(made[-1], content)
