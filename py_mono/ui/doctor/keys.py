"""Keys: those of the environment, the stored ones, and those that the providers of the fallback chain need."""

import asyncio
import os
import shlex
import stat

from py_mono.llm import registry
from py_mono.llm.settings import ProviderSettings
from py_mono.protocol.errors import ConfigError
from py_mono.security.keys.places import KEYS_FILE
from py_mono.ui.doctor.findings import LIMIT_S, Case, Finding, command_in, said

_OTHERS = ("HF_TOKEN",)
_OPEN_TO_OTHERS = 0o077


def keys(case: Case) -> Finding:
    """Which keys the environment holds, by name and never by value."""
    environment = case.provider.environment
    names = sorted(name for name in environment if name.endswith("_API_KEY") or name in _OTHERS)
    there = [f"{name} ({_origin(case, name)})" for name in names if environment[name].strip()]
    empty = [name for name in names if not environment[name].strip()]
    detail = ", ".join(there) or "none in the environment (a local model needs none)"
    if empty:
        return Finding("keys", "warning", f"{detail}; empty: {', '.join(empty)}", f"unset {' '.join(empty)}")
    return Finding("keys", "ok", detail)


def _origin(case: Case, name: str) -> str:
    return "environment" if name in case.environ else ".env"


def stored(case: Case) -> Finding:
    """The stored keys: whether they can be opened, and by whom. May take as long as ``Keys.look``."""
    if case.keys is None or not case.workspace:
        return Finding("stored keys", "not_checked", "there is no workspace that can be used")
    path = os.path.join(case.workspace, KEYS_FILE)
    before = file_mode(path)
    if before is None:
        return Finding("stored keys", "ok", f"none in {case.workspace}")
    try:
        names = case.keys.stored()
    except ConfigError as error:
        return Finding("stored keys", "fault", said(error), _command(error, path))
    mode = file_mode(path) or before
    whose = f": {', '.join(names)}" if names else ""
    detail = f"{len(names)} in {KEYS_FILE}{whose}; mode {mode:o}"
    if mode & _OPEN_TO_OTHERS:
        return Finding("stored keys", "warning", f"{detail}: others can read it", f"chmod 600 {shlex.quote(path)}")
    return Finding("stored keys", "ok", detail if mode == before else f"{detail} from now on, it was {before:o}")


def file_mode(path: str) -> int | None:
    """The permissions of what is there; None where nothing is."""
    try:
        return stat.S_IMODE(os.lstat(path).st_mode)
    except OSError:
        return None


def _command(error: ConfigError, path: str) -> str:
    """What mends stored keys that cannot be opened: the right master key, else another place for a file that is none."""
    if command := command_in(error.remedy):
        return command
    if "master key" in f"{error} {error.remedy}":
        return "export LLM_MASTER_KEY='the one they were stored with'"
    return f"mv {shlex.quote(path)} {shlex.quote(path)}.old"


async def fallback(case: Case) -> Finding:
    """Whether those who are asked where the provider fails could be; a cloud among them is sent nothing."""
    if not case.fallback:
        return Finding("fallback", "ok", "none is set: where the provider fails, the turn does")
    found = await asyncio.gather(*map(_ready, case.fallback))
    detail = "; ".join(
        f"{_name(settings)}: {text or 'ready'}" for settings, (_, text) in zip(case.fallback, found, strict=True)
    )
    faulty = next((settings for settings, (good, _) in zip(case.fallback, found, strict=True) if not good), None)
    if faulty is None:
        return Finding("fallback", "ok", detail)
    model = f" -m {shlex.quote(faulty.model)}" if faulty.model else ""
    return Finding("fallback", "warning", detail, f"py-mono doctor --provider {shlex.quote(faulty.provider)}{model}")


def _name(settings: ProviderSettings) -> str:
    return f"{settings.provider}/{settings.model}" if settings.model else settings.provider


async def _ready(settings: ProviderSettings) -> tuple[bool, str]:
    try:
        async with asyncio.timeout(LIMIT_S):
            readiness = await registry.ready(settings)
    except TimeoutError:
        return False, "it took too long to look"
    except ConfigError as error:
        return False, said(error)
    return readiness.ready, readiness.text
