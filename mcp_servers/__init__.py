"""MCP servers beside the agent: each folder is one server, with a lock file and an image of its own."""
