"""MCP servers: connected in the background, their tools in the one list of tools."""
