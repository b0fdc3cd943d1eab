"""Cut off at any byte of any step: what is read afterwards is wholly the old or wholly the new."""

import errno
import itertools
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from py_mono.protocol.errors import ConfigError
from py_mono.security.keys.places import KeyPlaces
from py_mono.security.keys.store import Store
from tests.security.keys.faults import DISK, Faults, failing, killed

contents = st.one_of(st.none(), st.binary(max_size=40), st.integers(1, 20_000).map(os.urandom))
written = st.one_of(st.binary(max_size=40), st.integers(1, 20_000).map(os.urandom))
parts = st.sampled_from([0.0, 0.01, 0.5, 0.99, 1.0])


class Place:
    """A workspace with a state folder."""

    def __init__(self, folder: str) -> None:
        self.workspace = os.path.join(folder, "w")
        os.mkdir(self.workspace)
        self.places = KeyPlaces(self.workspace, os.path.join(folder, "state"))

    @property
    def store(self) -> Store:
        """As another process would open it."""
        return Store(self.places)

    def put(self, data: bytes | None) -> None:
        if data is not None:
            self.store.change(lambda _: data)

    def litter(self) -> set[str]:
        """What should not be there when all is done."""
        left = {Path(self.places.ahead), Path(f"{self.places.ahead}.new")}
        return {path.name for path in left if path.exists()}


def old_or_new(place: Place, old: bytes | None, new: bytes) -> bytes | None:
    found = place.store.read()
    assert found in {old, new} or (old is None and found == b"")  # an empty file holds no keys, as none does
    assert place.store.read() == found
    if found is not None:
        assert not Path(place.places.ahead).exists()
        assert Path(place.places.file).read_bytes() == found
        assert Path(place.places.file).stat().st_mode & 0o777 == 0o600
    return found


def test_killed_at_each_step_in_turn_it_goes_from_the_old_to_the_new_once() -> None:
    for old in (None, b"", b"old" * 3000, b"o"):
        new, seen = b"new" * 2000, []
        for at in itertools.count():
            with tempfile.TemporaryDirectory() as folder:
                place = Place(folder)
                place.put(old)
                died = killed(partial(place.put, new), at, 0.5)
                seen.append(old_or_new(place, old, new) == new)
                place.put(b"later")
                assert place.store.read() == b"later"
                assert place.litter() == set()
            if not died:
                break
        assert seen == sorted(seen)  # once it is the new one it stays so
        assert not seen[0]
        assert seen[-1]
        assert len(seen) > 10


@settings(max_examples=150, deadline=None)
@given(old=contents, new=written, first=st.integers(0, 25), second=st.integers(0, 12), part=parts, again=parts)
def test_killed_and_killed_again_while_it_is_mended(
    *, old: bytes | None, new: bytes, first: int, second: int, part: float, again: float
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Place(folder)
        place.put(old)
        killed(partial(place.put, new), first, part)
        killed(place.store.read, second, again)
        old_or_new(place, old, new)


@settings(max_examples=500, deadline=None)
@given(old=contents, new=written, at=st.integers(0, 25), part=parts, number=st.sampled_from(DISK))
def test_a_step_that_fails_leaves_the_old_and_is_told(
    old: bytes | None, new: bytes, at: int, part: float, number: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Place(folder)
        place.put(old)
        told = None
        with Faults(at, failing(number), part=part).installed():
            try:
                place.put(new)
            except ConfigError as error:
                told = error
        if told is None:
            assert place.store.read() == new
        else:
            assert told.remedy
            assert place.store.read() == old
            assert place.litter() == set()


@settings(max_examples=500, deadline=None)
@given(old=contents, new=written, at=st.integers(0, 25), part=parts, number=st.sampled_from(DISK))
def test_a_disk_that_fails_from_some_step_on_loses_nothing(
    old: bytes | None, new: bytes, at: int, part: float, number: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Place(folder)
        place.put(old)
        with Faults(at, failing(number), part=part, lasting=True).installed():
            try:
                place.put(new)
            except ConfigError as error:
                assert error.remedy  # noqa: PT017 - also where there is none
            else:
                old = new
        old_or_new(place, old, new)
        place.put(b"later")
        assert place.store.read() == b"later"


@settings(max_examples=150, deadline=None)
@given(old=contents, new=written, at=st.integers(0, 25), part=parts)
def test_broken_off_by_a_person_it_is_finished_or_was_never_begun(
    old: bytes | None, new: bytes, at: int, part: float
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Place(folder)
        place.put(old)
        with Faults(at, interrupted, part=part).installed(), suppress(KeyboardInterrupt):
            place.put(new)
        old_or_new(place, old, new)


def interrupted() -> None:
    raise KeyboardInterrupt


def test_what_was_cut_off_is_read_also_where_nothing_can_be_written_any_more() -> None:
    old, new = b"old" * 100, b"new" * 100
    torn = 0
    for at in range(20):
        with tempfile.TemporaryDirectory() as folder:
            place = Place(folder)
            place.put(old)
            killed(partial(place.put, new), at, 0.5)
            if Path(place.places.file).read_bytes() in {old, new}:
                continue
            torn += 1
            for step in range(8):
                with Faults(step, failing(errno.EROFS), lasting=True).installed():
                    try:
                        assert place.store.read() == new
                    except ConfigError as error:
                        assert "Read-only" in str(error)  # noqa: PT017 - the file itself could not be opened
            assert place.store.read() == new
    assert torn


def test_each_part_is_on_the_disk_before_the_next_begins() -> None:
    """What a power cut leaves cannot be tried out here; the order of the calls can be seen."""
    with tempfile.TemporaryDirectory() as folder:
        place = Place(folder)
        place.put(b"old")
        seen = Seen()
        with seen.installed():
            place.put(b"new")
    write = ["pwrite", "ftruncate", "fsync"]
    changes = [step for step in seen.names if step not in {"open", "mkdir", "pread", "fchmod"}]
    assert changes == [*write, "replace", "fsync", *write, "unlink"]


class Seen(Faults):
    """The names of the steps, in their order."""

    def __init__(self) -> None:
        super().__init__(-1, lambda: None)
        self.names: list[str] = []

    def around(self, real: Callable[..., Any]) -> Callable[..., Any]:
        call = super().around(real)

        def named(*given: Any, **named: Any) -> Any:
            self.names.append(real.__name__)
            return call(*given, **named)

        return named
