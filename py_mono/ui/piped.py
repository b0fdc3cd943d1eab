"""Text that is piped in: alone it is the prompt, beside a prompt its context."""

from py_mono.protocol.errors import ConfigError

STDIN_LIMIT = 1_000_000
"""How many bytes of stdin are taken; a reader asks for one more, to know that there is more."""


def combine(prompt: str | None, piped: bytes) -> str:
    """The first message: the prompt is the instruction, piped stdin its context; or either alone.

    Raises:
        ConfigError: ``piped`` is not UTF-8 text or longer than ``STDIN_LIMIT`` bytes, or there is neither.
    """
    if len(piped) > STDIN_LIMIT:
        raise ConfigError(
            f"stdin holds more than {STDIN_LIMIT // 1000:,} kB",
            remedy="Pipe the part that matters, or save it to a file in the workspace and name the file in the prompt.",
        )
    if b"\0" in piped:
        raise ConfigError("stdin is binary, not text", remedy="Pipe text, or name a file in the prompt.")
    try:
        context = piped.decode("utf-8-sig").strip("\r\n")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"stdin is not UTF-8 text (byte {error.start + 1})", remedy="Pipe text, or name a file in the prompt."
        ) from None
    instruction = (prompt or "").strip()
    if not instruction and not context.strip():
        raise ConfigError("there is no prompt", remedy="Write it after -p, in quotes, or pipe it in.")
    if not context.strip():
        return instruction
    return f"{instruction}\n\n<stdin>\n{context}\n</stdin>" if instruction else context
