"""Whatever answers: Ollama, a script, a recording."""
