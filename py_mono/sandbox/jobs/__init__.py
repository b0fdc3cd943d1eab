"""Background commands: what supervises one, what the worker and the host know of them, and the command `job`."""
