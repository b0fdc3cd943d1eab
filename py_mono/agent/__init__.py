"""The loop and the turn round it; knows only the protocol."""
