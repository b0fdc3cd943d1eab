"""The MCP server that tells the weather, from Open-Meteo."""
