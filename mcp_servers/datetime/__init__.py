"""The MCP server that knows the time."""
