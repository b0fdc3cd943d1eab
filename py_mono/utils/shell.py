"""Which shell runs commands: the tool and what the model is told of it must not differ. Guests and host both ask."""

import os

_BASH = "/bin/bash"


def shell_path() -> str:
    """Bash where it can be run, else the system's own."""
    return _BASH if os.access(_BASH, os.X_OK) else "/bin/sh"
