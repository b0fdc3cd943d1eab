"""Text of strangers, made fit to be read: no control characters, no more than so much of it."""

import re


def clean(text: str, longest: int) -> str:
    """The text in one line, without what cannot be printed, and cut to this many characters."""
    # What is cut off is not looked at: a page of a megabyte costs nothing.
    line = "".join(letter if letter.isprintable() else " " for letter in text[: longest * 4])
    line = re.sub(r"\s+", " ", line).strip()
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"
