"""How much of a conversation a server's window holds, and whether it arrived whole."""
