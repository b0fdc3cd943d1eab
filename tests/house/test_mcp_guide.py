"""The guide to MCP servers says every key that an entry may have, as the program reads it."""

import json
import re
from pathlib import Path

from py_mono.mcp_integration.entries import KEYS, read_entry

GUIDE = (Path(__file__).parents[2] / "docs" / "mcp.md").read_text(encoding="utf-8")


def test_every_key_is_in_the_table() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", GUIDE.partition("## What an entry says")[2], re.MULTILINE)
    assert dict(rows[: len(KEYS)]) == KEYS


def test_every_example_can_be_read() -> None:
    examples = re.findall(r"```json\n(.+?)```", GUIDE, re.DOTALL)
    entries = [entry for text in examples for entry in json.loads(text)["mcpServers"].items()]
    assert len(entries) > 5
    for name, entry in entries:
        server, odd = read_entry(name, entry, "user", {"EXAMPLE_TOKEN": "x"}.get)
        assert server is not None
        assert odd == []
