"""A case for the doctor's checks, in which nothing is wrong."""

from collections.abc import Mapping
from typing import Any

import msgspec

from py_mono.llm.settings import ProviderSettings
from py_mono.protocol.errors import SandboxError
from py_mono.ui.doctor.findings import Case

WHOLE: dict[str, Any] = {"layers": {"namespaces": "on", "landlock": "on"}, "open": []}


def stats() -> tuple[int, int, float]:
    return 1500, 2, 0.0


def lock_of(said: Mapping[str, Any] | SandboxError) -> Any:
    async def lock() -> Mapping[str, Any]:
        if isinstance(said, SandboxError):
            raise said
        return said

    return lock


def case(environment: Mapping[str, str] | None = None, **members: Any) -> Case:
    """``environment`` is the provider's, and the one the program was started with unless ``environ`` is given."""
    provider = members.pop("provider", ProviderSettings())
    provider = msgspec.structs.replace(provider, environment=dict(environment or {}))
    given: dict[str, Any] = {
        "version": "1.2.3",
        "provider": provider,
        "state": "/nonexistent/state",
        "config": "/nonexistent/config",
        "environ": dict(environment or {}),
        "lock": lock_of(WHOLE),
        "stats": stats,
    }
    return Case(**given | members)
