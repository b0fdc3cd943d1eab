"""Ollama on its native chat."""
