"""The MCP server that searches the web, through a SearXNG instance."""
