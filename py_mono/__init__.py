"""py-mono: a coding agent for the terminal, local first, confined by default."""
