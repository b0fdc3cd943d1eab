"""The only place where everything is wired; loaded by ``main`` once the worker is on its way."""
