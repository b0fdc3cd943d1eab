"""``config.toml``: what it sets, what it refuses and how it says so, and that its documentation is what it is."""

import runpy
import tomllib
from pathlib import Path

import pytest

from py_mono.config import read
from py_mono.config_file import BUDGET, FALLBACK, Tables, read_tables
from py_mono.protocol.errors import ConfigError
from py_mono.sandbox.checkpoints.settings import KEYS
from py_mono.ui.arguments import parse

REFERENCE = Path(__file__).parents[1] / "scripts" / "reference.py"


def toml(folder: Path, text: str | bytes) -> str:
    path = folder / "config.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    tables = read_tables(toml(tmp_path, ""))
    assert (tables.checkpoints, tables.fallback) == (None, ())
    assert (tables.turn_usd, tables.session_usd, tables.warn_at) == (None, None, 0.8)


def test_every_table_is_read(tmp_path: Path) -> None:
    tables = read_tables(toml(tmp_path, """
        [checkpoints]
        max_age_days = 7
        [fallback]
        chain = ["groq/qwen/qwen3-32b", " ollama "]
        [budget]
        turn_usd = 1
        session_usd = 2.5
        warn_at = 0.5
    """))  # fmt: skip
    assert tables.checkpoints is not None
    assert tables.checkpoints.max_age_s == 7 * 86_400
    assert tables.fallback == ("groq/qwen/qwen3-32b", "ollama")
    assert (tables.turn_usd, tables.session_usd, tables.warn_at) == (1.0, 2.5, 0.5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[model]\nname = 1", "has 'model'; there are [budget], [checkpoints], [fallback]"),
        ("budget = 3", "has budget that is no table; there are"),
        ("x", "is no TOML: "),
        (b"[budget]\nturn_usd = 1 # \xff", "is no TOML: "),
        ("[budget]\nturn_usd = 1\nturn_usd = 2", "is no TOML: "),
        ("[budget]\nturn = 1", "[budget] has no key 'turn'; did you mean turn_usd?"),
        ("[budget]\nx = 1", "[budget] has no key 'x'; there are turn_usd, session_usd, warn_at"),
        ("[budget]\nturn_usd = 0", "[budget] turn_usd is 0; it must be a number above 0, such as 0.5"),
        ("[budget]\nturn_usd = -1", "[budget] turn_usd is -1; it must be"),
        ("[budget]\nsession_usd = true", "[budget] session_usd is True; it must be"),
        ('[budget]\nsession_usd = "5"', "[budget] session_usd is '5'; it must be"),
        ("[budget]\nsession_usd = nan", "[budget] session_usd is nan; it must be"),
        ("[budget]\nsession_usd = inf", "[budget] session_usd is inf; it must be"),
        ("[budget]\nwarn_at = 80", "[budget] warn_at is 80; it is a part of the budget, such as 0.8"),
        ("[budget]\nwarn_at = 0", "[budget] warn_at is 0; it must be a number above 0"),
        ("[fallback]\nchains = []", "[fallback] has no key 'chains'; did you mean chain?"),
        ('[fallback]\nchain = "groq"', "[fallback] chain is 'groq'; it is a list like"),
        ('[fallback]\nchain = ["groq", 1]', "[fallback] chain is ['groq', 1]; it is a list like"),
        ('[fallback]\nchain = [" "]', "[fallback] chain is [' ']; it is a list like"),
        ("[checkpoints]\nmax_files = 1", "[checkpoints] has no key 'max_files'; did you mean max_file_mb?"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_the_files_name_and_what_would_be_right(
    tmp_path: Path, text: str | bytes, said: str
) -> None:
    path = toml(tmp_path, text)
    with pytest.raises(ConfigError) as refused:
        read_tables(path)
    assert str(refused.value).startswith(path)
    assert said in str(refused.value)
    assert "mend it" in refused.value.remedy


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_tables(str(tmp_path))


@pytest.mark.parametrize(
    ("argv", "text", "environment", "expected"),
    [
        ([], None, {}, (None, None, 0.8, ())),
        ([], "[budget]\nturn_usd = 1\nsession_usd = 5\nwarn_at = 0.9", {}, (1.0, 5.0, 0.9, ())),
        (["--max-budget-usd", "2"], "[budget]\nturn_usd = 1", {}, (2.0, None, 0.8, ())),
        ([], '[fallback]\nchain = ["ollama"]', {}, (None, None, 0.8, ("ollama",))),
        ([], '[fallback]\nchain = ["ollama"]', {"LLM_FALLBACK": "groq/a, openai/b"}, (None, None, 0.8, ("groq/a", "openai/b"))),
        ([], '[fallback]\nchain = ["ollama"]', {"LLM_FALLBACK": ""}, (None, None, 0.8, ())),
    ],
    ids=["no file", "budgets", "a flag is first", "chain", "the environment is first", "an empty one too"],
)  # fmt: skip
def test_the_settings_take_a_flag_first_then_the_environment_then_the_file(
    tmp_path: Path, argv: list[str], text: str | None, environment: dict[str, str], expected: tuple[object, ...]
) -> None:
    workspace, config = tmp_path / "w", tmp_path / "home" / "config"
    workspace.mkdir()
    config.mkdir(parents=True)
    if text is not None:
        toml(config, text)
    settings = read(parse(["-C", str(workspace), *argv]), {"PY_MONO_HOME": str(tmp_path / "home"), **environment})
    found = (settings.max_budget_usd, settings.session_budget_usd, settings.warn_at, settings.fallback)
    assert found == expected


def test_the_documented_file_is_read_and_every_key_is_documented() -> None:
    page: str = runpy.run_path(str(REFERENCE))["reference"]()
    tables = tomllib.loads(page.partition("```toml\n")[2].partition("```")[0])
    Tables(tables)
    assert set(tables) == {"budget", "checkpoints", "fallback"}
    for key in (*BUDGET, *FALLBACK, *KEYS):
        assert f"| `{key}` |" in page
