import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_mono.ui.line.fuzzy import Cancelled, Paths

TREE = [
    "docs/", "src/", "README.md", ".env", "docs/agent.md", "src/agent/", "src/main.py", "src/agent/agent.py",
    "src/agent/agent_test.py", "src/agent/main_agent.py", "src/ÄPFEL.py",
]  # fmt: skip


@pytest.mark.parametrize(
    ("letters", "found"),
    [
        ("", ["docs/", "src/", "README.md", ".env"]),
        ("main", ["src/main.py", "src/agent/main_agent.py"]),
        ("AGENT", ["src/agent/", "docs/agent.md", "src/agent/agent.py", "src/agent/agent_test.py", "src/agent/main_agent.py"]),
        ("src/agent/a", ["src/agent/agent.py", "src/agent/agent_test.py", "src/agent/main_agent.py"]),
        ("src/agent/", ["src/agent/agent.py", "src/agent/agent_test.py", "src/agent/main_agent.py"]),
        ("rdm", ["README.md"]),
        ("smp", ["src/main.py", "src/agent/main_agent.py"]),
        ("äpf", ["src/ÄPFEL.py"]),
        ("sagtest", ["src/agent/agent_test.py"]),
        (".en", [".env"]),
        (".env", []),
        ("zzz", []),
        ("a*", []),
        ("[", []),
    ],
)  # fmt: skip
def test_the_best_path_comes_first(letters: str, found: list[str]) -> None:
    assert Paths(TREE).search(letters, 5) == found


@given(
    st.lists(st.text("abcAB./_ -[\\^", min_size=1, max_size=8), unique=True, max_size=30),
    st.text("abcA./_[\\^", min_size=1, max_size=4),
)
def test_exactly_the_paths_that_hold_the_letters_in_order_are_found(paths: list[str], letters: str) -> None:
    scattered = re.compile(".*".join(map(re.escape, letters.lower())))
    expected = {path for path in paths if scattered.search(path.lower()) and path != letters}
    assert set(Paths(paths).search(letters, 1000)) == expected


def test_a_search_that_nobody_waits_for_ends_early() -> None:
    asked = []

    def third() -> bool:
        asked.append(1)
        return len(asked) == 3

    with pytest.raises(Cancelled):
        Paths([f"folder/{number}.py" for number in range(20_000)]).search("zz", 10, third)
    assert len(asked) == 3
