"""Models of the clouds, and whatever else LiteLLM reaches."""
