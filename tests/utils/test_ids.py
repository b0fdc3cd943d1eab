"""Ids are short, sort by time and do not repeat."""

import time

from py_mono.utils.ids import new_id


def test_ids_do_not_repeat() -> None:
    ids = [new_id() for _ in range(200)]
    assert len(set(ids)) == 200
    assert {len(each) for each in ids} == {12}
    assert not set("".join(ids)) - set("0123456789abcdefghjkmnpqrstvwxyz")


def test_ids_sort_by_time() -> None:
    before = new_id()
    time.sleep(0.07)  # ids count in 1/32 s
    assert before < new_id()
