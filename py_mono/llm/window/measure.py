"""How many tokens a request comes to, before it is sent."""

BYTES_PER_TOKEN = 8.0
"""Of a request's JSON at most, until the server has counted one: more than any text has, so that only what surely does
not fit is held back. Indented code and logs come to 6 and more."""

LIKELY_BYTES_PER_TOKEN = 4.0
"""What prose and code come to, JSON round them included."""

_RATIOS = (2.0, 12.0)


class PromptMeasure:
    """Estimates by the last request that the server counted in full. Sizes are in bytes of the request."""

    def __init__(self) -> None:
        self._size = 0
        self._tokens = 0
        self._ratio = LIKELY_BYTES_PER_TOKEN

    @property
    def learned(self) -> bool:
        """Whether a count was taken."""
        return self._tokens > 0

    def likely(self, size: int) -> int:
        """What a request comes to if its text is like that of the one before."""
        return self._estimate(size, self._ratio)

    def least(self, size: int) -> int:
        """What a request comes to at least: what was counted is known, what came since has long tokens."""
        return self._estimate(size, max(BYTES_PER_TOKEN, self._ratio))

    def learn(self, size: int, tokens: int) -> None:
        """Take the server's count of a whole request."""
        least, most = _RATIOS
        self._size, self._tokens = size, tokens
        self._ratio = min(max(size / tokens, least), most)

    def _estimate(self, size: int, ratio: float) -> int:
        if size < self._size:
            return int(size / max(ratio, self._ratio))
        return self._tokens + int((size - self._size) / ratio)
