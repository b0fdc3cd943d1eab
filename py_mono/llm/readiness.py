"""Whether a provider could answer now, and with which models: what a module of the registry may say of itself.

Beside ``create(settings) -> Provider`` the module that a row of ``llm/registry.py`` names may have:

- ``async def ready(settings: ProviderSettings) -> Readiness``: whether a request could be made now, without making one.
  A server of one's own may be asked what it has; a cloud is sent nothing: there the key and where it is from decide.
- ``async def models(settings: ProviderSettings) -> Sequence[str]``: what can be chosen, each as ``Provider.model`` would
  say it, in the server's order. That asks the server, a cloud with the key too, so it is called where a person wants the
  list, and never before. Raises ``ProviderError`` or ``ConfigError`` where it cannot be had.

``settings.provider`` is the row's name, and ``settings.model`` the model to bind to, or empty. Both are called in the
event loop and must not hold it; they may be cancelled at any await, and ``/providers`` does so after two seconds. Where
there is no ``ready`` the provider counts as ready, where there is no ``models`` none are known. Where they need modules
that are not cheap, they load them by name: the row's module itself is imported before the first prompt is on the screen.
"""

from collections.abc import Iterable

from msgspec import Struct

_LONGEST = 200
_MOST = 5_000


class Readiness(Struct, frozen=True):
    """What is said of a provider in ``/providers``.

    Attributes:
        ready: Whether a request could be made.
        text: Why, in a few words, on one line and without a full stop: ``key from GROQ_API_KEY``, ``3 models at
            http://localhost:11434``; where it is not ready, what is wrong and what mends it: ``no key: /key groq``.
    """

    ready: bool
    text: str


def usable(names: Iterable[str]) -> tuple[str, ...]:
    """Those of a server's names of models that can be typed and shown, each once, in their order; at most 5,000."""
    found = dict.fromkeys(
        name for name in names if 0 < len(name) <= _LONGEST and name.isprintable() and " " not in name
    )
    return tuple(found)[:_MOST]
