"""What a window allows."""

import pytest

from py_mono.protocol.tools import ToolSpec
from py_mono.tools.profile import Profile, profile_of, shown


@pytest.mark.parametrize(
    ("window", "profile"),
    [
        (0, Profile(small=False, result_bytes=0, context_chars=12_000)),
        (512, Profile(small=True, result_bytes=1_024, context_chars=256, front_bytes=2_800, announced_chars=1_000)),
        (4_096, Profile(small=True, result_bytes=2_730, context_chars=2_048, front_bytes=2_800, announced_chars=1_000)),
        (8_192, Profile(small=True, result_bytes=5_461, context_chars=4_096, front_bytes=2_800, announced_chars=1_000)),
        (8_193, Profile(small=False, result_bytes=5_462, context_chars=4_096)),
        (16_384, Profile(small=False, result_bytes=10_922, context_chars=8_192)),
        (32_768, Profile(small=False, result_bytes=21_845, context_chars=12_000)),
    ],
)
def test_the_window_decides(window: int, profile: Profile) -> None:
    assert profile_of(window) == profile


LIST = ToolSpec("list_files", "List a folder.", {"type": "object", "properties": {}})
READ = ToolSpec(
    "read_file",
    "Read a text file; a long one comes in pages.",
    {
        "type": "object",
        "properties": {"path": {"type": "string"}, "offset": {"type": "integer", "minimum": 1, "description": "first"}},
        "required": ["path"],
        "additionalProperties": False,
    },
)
SHELL = ToolSpec("shell", "Run.", {"type": "object", "properties": {"command": {"type": "string"}}}, "write")
FOREIGN = ToolSpec("grep", "Theirs.", {"type": "object", "additionalProperties": False}, source="mcp:x")


def test_a_small_window_shows_what_the_shell_cannot_do_in_fewer_words() -> None:
    assert shown((LIST, READ, SHELL, FOREIGN), small=True) == (
        ToolSpec(
            "read_file",
            "Read a text file; offset and limit count lines.",
            {
                "type": "object",
                "properties": {"path": {"type": "string"}, "offset": {"type": "integer"}},
                "required": ["path"],
            },
        ),
        ToolSpec(
            "shell",
            "Run a bash command in the workspace.",
            {"type": "object", "properties": {"command": {"type": "string"}}},
            "write",
        ),
        FOREIGN,
    )


def test_without_a_shell_nothing_is_left_out_and_a_large_window_shows_all() -> None:
    assert [spec.name for spec in shown((LIST, READ), small=True)] == ["list_files", "read_file"]
    assert shown((LIST, READ, SHELL, FOREIGN), small=False) == (LIST, READ, SHELL, FOREIGN)
