"""Tools: the host's list of them (``registry``) and the guests themselves (``builtin``)."""
