"""Leaves: small pieces that import nothing from py_mono."""
