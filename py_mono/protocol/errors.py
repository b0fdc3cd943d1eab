"""Everything that can go wrong, as a tree.

::

    PyMonoError
    |-- ConfigError                 the settings or the command line are wrong
    |-- ProviderError               a model could not be asked, or did not answer properly
    |   |-- ProviderUnavailable     not running, refused, timed out, 5xx: worth another try later
    |   |   `-- RateLimited         429
    |   |-- AccessDenied            the key is missing, not valid, or not allowed this; or nothing is left to pay with
    |   |-- ModelNotFound           the server has no such model
    |   |-- ContextTooLong          the prompt does not fit the window
    |   |-- ContextTruncated        the server dropped part of the prompt, and that is proven
    |   |-- ToolsUnsupported        the model has no tool calling of its own
    |   |-- ContentFiltered         the provider's filter held the reply back
    |   |-- BadResponse             what came back is not an answer
    |   |   `-- MalformedCall       a tool call that cannot be read
    |   `-- ReplayDiverged          a replayed session asked something the recording has no answer for
    |-- SandboxError                the lock cannot be had, or the worker misbehaves
    |   |-- SandboxBusy             nothing can be started at this moment: worth another try soon
    |   `-- WorkerDied
    `-- SessionError                a session is missing, damaged, or in use by another process

Each has a message that says what was wrong, and a remedy that says what would mend it.
"""

TYPE_CHECKING = False  # spelled out: typing is not free, and this comes before the worker
if TYPE_CHECKING:
    from py_mono.protocol.messages import Usage


class PyMonoError(Exception):
    """The root. ``str()`` is the message; ``remedy`` what to do about it, or empty."""

    kind = "error"

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy

    @property
    def told(self) -> str:
        """What was wrong, and what mends it, each on a line."""
        return f"{self}\n{self.remedy}" if self.remedy else str(self)


class ConfigError(PyMonoError):
    """The settings or the command line are wrong."""

    kind = "config"


class ProviderError(PyMonoError):
    """A model could not be asked, or did not answer properly.

    Attributes:
        usage: What the request took nevertheless, as far as that is known; None where it took nothing: it was refused.
    """

    kind = "provider"

    def __init__(self, message: str, *, remedy: str = "", usage: "Usage | None" = None) -> None:
        super().__init__(message, remedy=remedy)
        self.usage = usage


class ProviderUnavailable(ProviderError):
    """Not running, refused, timed out, or a 5xx: another try later may work."""

    kind = "provider_unavailable"


class RateLimited(ProviderUnavailable):
    """The server answered 429; ``retry_after`` in seconds, where it said so."""

    kind = "rate_limited"

    def __init__(self, message: str, *, remedy: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after = retry_after


class AccessDenied(ProviderError):
    """The key is missing, not valid, or not allowed this; or there is nothing left to pay with."""

    kind = "access_denied"


class ModelNotFound(ProviderError):
    """The server has no such model."""

    kind = "model_not_found"


class ContextTooLong(ProviderError):
    """The prompt does not fit the model's window."""

    kind = "context_too_long"


class ContextTruncated(ProviderError):
    """The server dropped part of the prompt, and that is proven; its reply is not to be used."""

    kind = "context_truncated"


class ToolsUnsupported(ProviderError):
    """The server refuses to send tools to this model: it has no tool calling of its own."""

    kind = "tools_unsupported"


class ContentFiltered(ProviderError):
    """The provider's filter held the reply back."""

    kind = "content_filtered"


class BadResponse(ProviderError):
    """What came back is not an answer: garbage, an empty reply, a cut one."""

    kind = "bad_response"


class MalformedCall(BadResponse):
    """The reply is a tool call that cannot be read.

    Attributes:
        raw: Its text, as far as the server shows it.
        tool: Its name, the same.
    """

    kind = "malformed_call"

    def __init__(
        self, message: str, *, remedy: str = "", raw: str = "", tool: str = "", usage: "Usage | None" = None
    ) -> None:
        super().__init__(message, remedy=remedy, usage=usage)
        self.raw = raw
        self.tool = tool


class ReplayDiverged(ProviderError):
    """A replayed session asked something the recording has no answer for."""

    kind = "replay_diverged"


class SandboxError(PyMonoError):
    """The lock cannot be had, or the worker misbehaves."""

    kind = "sandbox"


class SandboxBusy(SandboxError):
    """Nothing can be started at this moment: another try soon may work."""


class WorkerDied(SandboxError):
    """The worker ended while it was needed."""

    kind = "worker_died"


class SessionError(PyMonoError):
    """A session is missing, damaged, or in use by another process."""

    kind = "session"
