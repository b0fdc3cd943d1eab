"""Tool calls that a model prints as text, found and read; nothing of it is ever evaluated or guessed."""
