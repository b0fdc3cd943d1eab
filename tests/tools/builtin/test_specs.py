import json

from py_mono.tools.builtin import edit_file, grep, list_files, read_file, shell, write_file

SPECS = [tool.SPEC for tool in (list_files, read_file, write_file, edit_file, grep, shell)]


def test_the_tool_list_is_small_enough_for_small_models() -> None:
    functions = [{key: spec[key] for key in ("name", "description", "parameters")} for spec in SPECS]
    listed = [{"type": "function", "function": function} for function in functions]
    assert len(json.dumps(listed, separators=(",", ":")).encode()) <= 2_000


def test_every_schema_is_closed_and_its_effect_said() -> None:
    assert [spec["parameters"]["additionalProperties"] for spec in SPECS] == [False] * 6
    assert [(spec["name"], spec["effect"]) for spec in SPECS] == [
        ("list_files", "read"),
        ("read_file", "read"),
        ("write_file", "write"),
        ("edit_file", "write"),
        ("grep", "read"),
        ("shell", "write"),
    ]
