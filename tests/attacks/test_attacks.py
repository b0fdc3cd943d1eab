"""Each attack is one where nothing holds it, and none gets through the lock."""

import shutil
from typing import Any

import pytest

from tests.attacks.catalogue import ATTACKS, BY_NAME, KINDS
from tests.attacks.matrix import PAGE
from tests.attacks.model import Attack
from tests.attacks.shards import boxes

pytestmark = pytest.mark.timeout(600)
TRIES = 3
WHO = ("root", "user")
"""Who the agent is. ``mixed`` is a root whose workspace belongs to a user: the worker becomes that user."""


def run(mode: str, who: str, attacks: list[Attack]) -> dict[str, Any]:
    answer = boxes({"mode": mode, "who": who}, [attack.name for attack in attacks])
    if "skipped" in answer:
        pytest.skip(answer["skipped"])
    return answer


def known_open(attack: Attack, lock: dict[str, Any]) -> bool:
    """Whether the lock itself reports that it does not cover this, here."""
    missing = attack.open_without and not lock["layers"][attack.open_without].startswith("on")
    return bool(missing) or bool(attack.open_when and any(attack.open_when in text for text in lock["open"]))


def told(answer: dict[str, Any], names: list[str]) -> str:
    """What each of these attacks had to say; empty where there are none."""
    return "\n".join(f"--- {name}:\n{answer['results'][name]['output']}" for name in names)


def unproven(mode: str, who: str, attacks: list[Attack]) -> str:
    """What those attacks had to say that did not succeed though nothing held them.

    Many of them race with something: on a busy machine one may need another try, and has proved itself with one that works.
    """
    results: dict[str, Any] = {}
    for _ in range(TRIES):
        results.update(run(mode, who, attacks)["results"])
        attacks = [
            attack
            for attack in attacks
            if attack.name in results  # some are for one kind of user only
            and not results[attack.name]["won"]
            and not results[attack.name]["impossible"]
            and (who == "root" or attack.needs != "root")
        ]
        if not attacks:
            break
    return told({"results": results}, [attack.name for attack in attacks])


@pytest.mark.parametrize("who", WHO)
def test_each_attack_succeeds_with_the_lock_off(who: str) -> None:
    assert not unproven("off", who, [attack for attack in ATTACKS if not attack.held_off])


@pytest.mark.parametrize("who", WHO)
def test_what_the_worker_holds_by_itself_succeeds_without_a_worker(who: str) -> None:
    assert not unproven("bare", who, [attack for attack in ATTACKS if attack.held_off])


@pytest.mark.parametrize(("backend", "who"), [
    ("auto", "root"), ("auto", "user"), ("auto", "mixed"), ("bubblewrap", "root"), ("bubblewrap", "user"),
    ("container", "root"), ("container", "user"), ("container", "mixed"),
])  # fmt: skip
def test_no_attack_gets_through(backend: str, who: str) -> None:
    """``container`` is carried out where nobody may make namespaces; what is open then is what the lock itself reports."""
    if backend == "bubblewrap" and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed (package bubblewrap)")
    chosen = [attack for attack in ATTACKS if backend == "auto" or not attack.serves]  # those no backend can hold
    answer = run(backend, who, chosen)
    assert set(answer["results"]) >= {attack.name for attack in chosen if attack.needs != "user"}
    assert answer["lock"]["layers"]["namespaces"].startswith("off" if backend == "container" else "on")
    fell = [name for name, facts in answer["results"].items() if "failed unexpectedly" in facts["output"]]
    assert not told(answer, fell)
    won = [name for name, facts in answer["results"].items() if facts["won"]]
    assert not told(answer, [name for name in won if not known_open(BY_NAME[name], answer["lock"])])


def test_every_kind_the_lock_promises_to_hold_is_attacked() -> None:
    assert len(BY_NAME) == len(ATTACKS) >= 120
    assert {kind: bool(attacks) for kind, attacks in KINDS.items()} == dict.fromkeys(KINDS, True)
    for attack in ATTACKS:
        assert bool(attack.shell) + bool(attack.python) + bool(attack.steps) == 1, attack.name


def test_the_page_tells_of_every_attack_and_of_none_besides() -> None:
    lines = PAGE.read_text().splitlines()
    told_of = [line.split("`")[1] for line in lines if line.startswith("| `")]
    assert sorted(told_of) == sorted(BY_NAME)
