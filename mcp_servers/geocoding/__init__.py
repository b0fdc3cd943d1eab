"""The MCP server that knows where places are, from Nominatim."""
