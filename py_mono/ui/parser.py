"""``argparse`` as the command line uses it; light, for it is read before anything else is imported."""

import argparse
import os
import sys

from py_mono.utils.stdout import write

TYPE_CHECKING = False  # spelled out: typing is not free
if TYPE_CHECKING:
    from _typeshed import SupportsWrite

_NARROWEST = 20


def _formatter(prog: str) -> argparse.HelpFormatter:
    """A formatter that is told its width: left to itself each imports a module with half a dozen others to ask for it."""
    return argparse.RawDescriptionHelpFormatter(prog, width=_columns() - 2)


def _columns() -> int:
    """The terminal's, or what ``COLUMNS`` says; 80 where there is neither."""
    text = os.environ.get("COLUMNS", "")
    if text.isascii() and text.isdigit() and int(text) > _NARROWEST:
        return int(text)
    try:
        return max(os.get_terminal_size().columns, _NARROWEST)
    except (OSError, ValueError):
        return 80


class Parser(argparse.ArgumentParser):
    """A parser that takes options as they are spelled, never abbreviated."""

    def __init__(self, prog: str, *, description: str, usage: str | None = None, epilog: str | None = None) -> None:
        super().__init__(
            prog=prog,
            usage=usage,
            description=description,
            epilog=epilog,
            allow_abbrev=False,
            formatter_class=_formatter,
        )

    def _print_message(self, message: str, file: "SupportsWrite[str] | None" = None) -> None:
        """Print help or the version; argparse itself says nothing where stdout takes no more."""
        if file is not sys.stdout:
            super()._print_message(message, file)
        elif status := write(message):
            raise SystemExit(status)
