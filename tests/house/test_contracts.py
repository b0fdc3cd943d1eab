"""The import contracts name modules one by one: none that came later may be missing."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("contract", "names"),
    [("Guests never see the host", "forbidden_modules"), ("The host never imports guests", "source_modules")],
)
def test_every_tool_module_of_the_host_stands_in_the_contract(contract: str, names: str) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    listed = next(one[names] for one in contracts if one["name"] == contract)
    modules = {f"py_mono.tools.{path.stem}" for path in (ROOT / "py_mono/tools").glob("*.py")}
    assert modules - {"py_mono.tools.__init__"} <= set(listed)


def test_every_module_of_the_sandbox_stands_on_its_side_of_the_wall() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    wall = next(one for one in contracts if one["name"] == "Guests never see the host")
    sides: dict[str, set[str]] = {"GUEST": set(), "HOST": set()}
    for path in (ROOT / "py_mono/sandbox").rglob("*.py"):
        side = path.read_text(encoding="utf-8").lstrip('r"').partition(".")[0].partition(" ")[0]
        if side in sides:
            module = path.parent if path.stem == "__init__" else path.with_suffix("")
            sides[side].add(".".join(module.relative_to(ROOT).parts))
    assert sides["GUEST"] - set(wall["source_modules"]) == set()
    assert sides["HOST"] - set(wall["forbidden_modules"]) == set()
