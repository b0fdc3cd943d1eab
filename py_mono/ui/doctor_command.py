"""``/doctor``."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py_mono.ui.app import App


async def doctor(app: "App", arguments: str) -> str:
    """What is wrong here, and what mends it; takes a few seconds where a server is silent."""
    if arguments:
        return "/doctor takes nothing; py-mono doctor --json prints the same for programs."
    return await app.diagnose()
