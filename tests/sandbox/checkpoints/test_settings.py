"""What ``config.toml`` may say of checkpoints."""

import pytest

from py_mono.protocol.errors import ConfigError
from py_mono.sandbox.checkpoints.settings import LEFT_OUT, CheckpointSettings, from_table


def test_a_table_sets_what_it_names_and_nothing_else() -> None:
    assert from_table({}) == CheckpointSettings()
    assert from_table({"leave_out": [], "max_file_mb": 0.5}) == CheckpointSettings(frozenset(), 500_000)
    said = from_table({"leave_out": ["data", "ünï"], "max_age_days": 2, "max_store_mb": 3})
    assert said == CheckpointSettings(frozenset({"data", "ünï"}), 100_000_000, 200_000, 172_800, 3_000_000)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"leaveout": []}, "[checkpoints] has no key 'leaveout'; did you mean leave_out?"),
        ({"max_file_size": 1}, "did you mean max_file_mb?"),
        ({"zzz": 1}, "there are leave_out, max_file_mb, max_age_days, max_store_mb"),
        ({"max_file_mb": "100"}, "max_file_mb is '100'; it must be a number above 0, such as 100"),
        ({"max_age_days": True}, "max_age_days is True; it must be a number above 0, such as 30"),
        ({"max_age_days": -1}, "max_age_days is -1"),
        ({"max_store_mb": float("nan")}, "max_store_mb is nan"),
        ({"max_store_mb": float("inf")}, "max_store_mb is inf"),
        ({"leave_out": ".venv"}, "leave_out has '.venv'; it must be a list of names of folders"),
        ({"leave_out": ["a/b"]}, "leave_out has 'a/b'"),
        ({"leave_out": [".."]}, "leave_out has '..'"),
        ({"leave_out": [1]}, "leave_out has 1"),
        ({"leave_out": [["a"]]}, "leave_out has ['a']"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_would(table: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_table(table)
    assert message in str(caught.value)


def test_the_default_is_what_the_documents_say() -> None:
    assert ".git" not in LEFT_OUT
    assert {".venv", "node_modules", "__pycache__"} <= LEFT_OUT
