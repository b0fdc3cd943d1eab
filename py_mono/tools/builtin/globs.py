"""GUEST. The globs that choose files: those of gitignore, and ``{a,b}``."""

from py_mono.tools.builtin.ignore import translate

_MANY = 200


def glob_expression(glob: str) -> str:
    """A regular expression over paths relative to the searched folder; without ``/`` a glob goes for names at any depth.

    Raises:
        ValueError: The glob stands for too many.
    """
    glob = glob.removeprefix("./")
    front = "" if "/" in glob.rstrip("/") else "(?:.*/)?"
    choices = _expand(glob.removeprefix("/"))
    return f"(?s:{front}(?:{'|'.join(translate(choice) for choice in choices)}))"


def _expand(glob: str) -> list[str]:
    done: list[str] = []
    pending = [glob]
    while pending:
        if len(pending) + len(done) > _MANY:
            raise ValueError(f"glob stands for more than {_MANY} others")
        current = pending.pop()
        end = current.find("}")
        start = current.rfind("{", 0, end) if end >= 0 else -1
        if start < 0:
            done.append(current)
        else:
            pending += [current[:start] + choice + current[end + 1 :] for choice in current[start + 1 : end].split(",")]
    return done
