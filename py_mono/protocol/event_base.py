"""What every event is."""

from msgspec import Struct


def _snake(name: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name).lstrip("_")


class TaggedEvent(Struct, frozen=True, tag_field="type", tag=_snake):
    """An event; its JSON form carries its name as ``type``."""
