"""BLAKE2b (RFC 7693), without what ``hashlib`` loads beside it: OpenSSL, which takes as long as half the start of a worker."""

from _blake2 import blake2b

__all__ = ["blake2b"]
