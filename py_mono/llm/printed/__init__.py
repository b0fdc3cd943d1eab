"""Tool calls that a model prints into its text, for every provider: told, found, asked for again."""
