"""Prints a completion script."""

import os

from py_mono.utils.stdout import write

FILES = {"bash": "py-mono.bash", "zsh": "_py-mono", "fish": "py-mono.fish"}
"""The names by which the shells look for them."""


def show(shell: str) -> int:
    """Print the script of ``bash``, ``zsh`` or ``fish``; the exit status."""
    path = os.path.join(os.path.dirname(__file__), FILES[shell])
    with open(path, encoding="utf-8") as file:
        return write(file.read())
