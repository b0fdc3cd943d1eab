"""What people do all day works inside the lock as it does outside."""

import shutil

import pytest

from tests.attacks.shards import boxes
from tests.everyday.programs import BY_NAME

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("who", ["root", "user"])
@pytest.mark.parametrize("backend", ["auto", "bubblewrap"])
def test_everyday_programs_work_in_the_lock(backend: str, who: str, subtests: pytest.Subtests) -> None:
    if backend == "bubblewrap" and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed (package bubblewrap)")
    thorough = (backend, who) == ("auto", "user")
    names = [name for name, program in BY_NAME.items() if thorough or not program.once]
    answer = boxes({"mode": backend, "who": who, "everyday": True, "limits": {}}, names, width=2)
    if "skipped" in answer:
        pytest.skip(answer["skipped"])
    assert set(answer["results"]) == set(names)
    for name, facts in answer["results"].items():
        with subtests.test(name):
            if facts["missing"]:
                pytest.skip(
                    f"{facts['missing']} is not installed where tools may read it (package {BY_NAME[name].package})"
                )
            assert BY_NAME[name].prints in facts["output"]
            assert not facts["is_error"], facts["output"]


def test_there_are_enough_of_them() -> None:
    assert len(BY_NAME) >= 40
