"""How many tokens a request comes to, before it is sent."""

BYTES_PER_TOKEN = 8.0
"""Of a request's JSON, until the server has counted one: more than any text has, so that only what surely does not fit
is held back. Indented code and logs come to 6 and more; the server refuses the rest itself (``truncate`` is false)."""

_RATIOS = (2.0, 12.0)


class PromptMeasure:
    """Estimates by the last request that the server counted."""

    def __init__(self) -> None:
        self._bytes_per_token = BYTES_PER_TOKEN

    def tokens(self, body: bytes) -> int:
        """An estimate for a request."""
        return int(len(body) / self._bytes_per_token)

    def learn(self, body: bytes, tokens: int) -> None:
        """Take the server's count of a request, 0 where it gave none; some count only what was not cached."""
        if tokens:
            least, most = _RATIOS
            self._bytes_per_token = min(max(len(body) / tokens, least), most)
