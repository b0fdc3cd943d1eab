"""Load a room by name when it is first needed; the names stand in ``main`` and the registries only."""

from importlib import import_module

TYPE_CHECKING = False  # spelled out: typing is not free, and --version is asked often
if TYPE_CHECKING:
    from typing import Any


def load(path: str) -> "Any":  # noqa: ANN401 - what a name leads to is known to the caller alone
    """The attribute at ``package.module:attribute``.

    Raises:
        ImportError: There is no such module.
        AttributeError: The module has no such attribute.
    """
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)
