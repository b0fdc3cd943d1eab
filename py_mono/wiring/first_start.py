"""A conversation that begins without a model: looked for once the prompt is drawn, and said above the line."""

import asyncio
import sys
from typing import TYPE_CHECKING

from py_mono.protocol.errors import PyMonoError
from py_mono.utils.lazy import load
from py_mono.wiring.choices import provider_settings
from py_mono.wiring.providers import bound

if TYPE_CHECKING:
    from py_mono.config import Settings
    from py_mono.ui.app import App

_AFTER_S = 0.3
"""By then the prompt is drawn and what it needs is loaded."""


class FirstLook:
    """Looks for the model, where a person is there to be told; one who has begun to talk to it already is left alone."""

    def __init__(self, app: "App", settings: "Settings") -> None:
        self._app = app
        self._settings = settings
        self._shown = app.on_shown
        self._looking: asyncio.Task[None] | None = None

    def on_shown(self) -> None:
        """In the place of the app's own: does that, too."""
        self._shown()
        if self._app.provider.name == "ollama" and sys.stdin.isatty():
            self._looking = asyncio.ensure_future(self._look())

    async def _look(self) -> None:
        await asyncio.sleep(_AFTER_S)
        asked = self._app.provider
        try:
            settings = provider_settings(bound(self._settings, asked.name, asked.model))
            said = await load("py_mono.ui.doctor.first_start:hint")(settings)
        except PyMonoError:  # the first request will say it
            return
        if said and not self._app.agent.running and self._app.provider is asked:
            self._app.agent.notice(said)
