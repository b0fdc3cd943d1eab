"""The one language: what every room says to every other. Pure; no I/O, no clock."""
