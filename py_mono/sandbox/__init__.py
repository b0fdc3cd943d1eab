"""Where tools run: the lock, the worker in it, and the host's side of both."""
