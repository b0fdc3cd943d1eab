"""HOST. What must be done to bring the workspace back, and what must not: worked out before anything is touched."""

import os
import stat
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from py_mono.sandbox.checkpoints.tree import Tree, differing, owner, parent, slashes
from py_mono.sandbox.manifest import Entry


class Spot(Struct, array_like=True, frozen=True):
    """A path, what stands there now and is to go, and what is to come; None and empty for nothing.

    Attributes:
        path: As bytes, relative to the workspace.
        was: What is there, as ``manifest.scan`` says it.
        had: Its content: a digest, or a link's target.
        mode: Of what is to come, its kind included; 0 for nothing.
        mtime: Of what is to come, in ns.
        content: A digest, or a link's target.
        owner: Of what is to come, and its group.
        twin: The path of a file that comes or stands, of which this is another name; empty for none.
    """

    path: bytes
    was: Entry | None
    had: bytes | None
    mode: int
    mtime: int
    content: bytes
    owner: tuple[int, int] = (-1, -1)
    twin: bytes = b""


class Plan(Struct, array_like=True, frozen=True):
    """The steps, in the order in which they are done.

    Attributes:
        opened: Folders that must first be made writable, and how.
        removed: Files, links and folders, deepest first.
        made: Folders, uppermost first.
        put: Files and links; where something stands there, they take its place.
        chmods: Files and links of which only the mode, the owner or the time differs.
        modes: Folders' modes at the end, deepest first.
        owners: Folders' owners and groups, before that.
    """

    opened: list[tuple[bytes, int]]
    removed: list[Spot]
    made: list[bytes]
    put: list[Spot]
    chmods: list[Spot]
    modes: list[tuple[bytes, int]]
    owners: list[tuple[bytes, tuple[int, int]]]

    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.removed or self.made or self.put or self.chmods or self.modes)


class Planner:
    """Works out how ``now`` becomes ``target`` where ``target`` and ``since`` differ, and nowhere else.

    Attributes:
        conflicts: Paths that somebody changed after ``since``, or that hold what must stay; they are not touched.
        not_kept: Paths that cannot be made again, or could not once gone, and why; they are not touched.
    """

    def __init__(self, target: Tree, since: Tree, now: Tree) -> None:
        self._target = target
        self._since = since
        self._now = now
        self._taken: set[str] = set()
        self.conflicts: set[str] = set()
        self.not_kept: dict[str, str] = {}

    def plan(self, chosen: Callable[[str], bool], *, confirmed: bool) -> Plan:
        """Of the ``chosen`` paths; ``confirmed`` also where somebody changed something since."""
        for path in filter(chosen, differing(self._target, self._since)):
            self._judge(path, confirmed=confirmed)
        self._taken |= {path for path in self._touched() if path not in self.conflicts and chosen(path)}
        self._spare_folders()
        self._see_parents()
        return self._steps()

    def _judge(self, path: str, *, confirmed: bool) -> None:
        target, now = self._target, self._now
        if target.same(now, path):
            return
        if not (confirmed or self._since.same(now, path)):
            self.conflicts.add(path)
        elif path in target.entries and not target.restorable(path):
            self.not_kept[path] = target.unkept.get(path, "its content was not kept")
        elif path in now.entries and not now.restorable(path):
            self.not_kept[path] = f"{now.unkept.get(path, 'its content is not kept')}, so it stays"
        elif path in target.left_out or path in now.left_out:
            self.not_kept[path] = "it is left out by the settings"
        else:
            self._taken.add(path)

    def _touched(self) -> set[str]:
        """Where nothing but the time differs, and nobody set it anew since."""
        since, now = self._since.entries, self._now.entries
        return {
            path
            for path, entry in self._target.entries.items()
            if path in self._target.contents and path in since and path in now
            and entry[2] != since[path][2] == now[path][2] and self._target.same(self._now, path)
        }  # fmt: skip

    def _goes(self, path: str) -> bool:
        return path in self._taken and path not in self._target.entries

    def _spare_folders(self) -> None:
        """A folder that holds what stays stays too, and so do those above it."""
        now = self._now
        leaving = [path for path in self._taken if now.folder(path) and not self._target.folder(path)]
        if not leaving:
            return
        holding = {parent(path) for path in (*now.left_out, *now.unkept) if not self._goes(path)}
        holding |= set(now.unkept)
        holding |= {parent(path) for path in now.entries if not self._goes(path)}
        for path in sorted(leaving, key=lambda path: -path.count("/")):
            if path in holding:
                self._taken.discard(path)
                self.conflicts.add(path)
                holding.add(parent(path))

    def _see_parents(self) -> None:
        """What comes needs folders above it: those that somebody took away are made again, what is in the way is not."""
        for path in sorted(self._taken):
            if path not in self._target.entries:
                continue
            for end in slashes(path):
                above = path[:end]
                if above in self._taken or self._now.folder(above):
                    if above in self._taken and not self._target.folder(above):
                        break
                    continue
                if above in self._now.entries or not self._target.folder(above) or above in self.conflicts:
                    break
                self._taken.add(above)
            else:
                continue
            self._taken.discard(path)
            self.conflicts.add(path)

    def _steps(self) -> Plan:
        target, now = self._target, self._now
        removed, made, put, chmods = [], [], [], []
        modes: dict[str, int] = {}
        owners: list[tuple[bytes, tuple[int, int]]] = []
        for path in sorted(self._taken):
            will, is_folder = path in target.entries, target.folder(path)
            stands, was_folder = path in now.entries, now.folder(path)
            if stands and (not will or is_folder != was_folder):
                removed.append(self._spot(path))
            if is_folder:
                modes[path] = target.entries[path][0]
                owners.append((os.fsencode(path), owner(target.entries[path])))
                if not was_folder:
                    made.append(os.fsencode(path))
            elif will and not was_folder and stands and target.contents[path] == now.contents.get(path) and (
                _kind(target.entries[path]) == _kind(now.entries[path])
            ):  # fmt: skip
                chmods.append(self._spot(path))
            elif will:
                put.append(self._spot(path))
        opened: dict[str, int] = {}
        for spot in (*removed, *put, *chmods):
            self._open(parent(os.fsdecode(spot.path)), opened, modes)
        for raw in made:
            self._open(parent(os.fsdecode(raw)), opened, modes)
        return Plan(
            [(os.fsencode(path), mode) for path, mode in sorted(opened.items())],
            removed[::-1],
            made,
            self._twins(put),
            chmods,
            [(os.fsencode(path), mode) for path, mode in sorted(modes.items(), reverse=True)],
            owners,
        )

    def _twins(self, put: list[Spot]) -> list[Spot]:
        """The same, with the first name of each file that has several: one that stays as it is, or one that comes."""
        target, now = self._target, self._now
        coming = {os.fsdecode(spot.path) for spot in put if stat.S_ISREG(spot.mode)}
        wanted = {target.entries[path] for path in coming}
        first: dict[Entry, str] = {}
        for path, entry in target.entries.items():
            if entry in wanted and path in target.contents and (path in coming or target.same(now, path)):
                known = first.setdefault(entry, path)
                if known in coming and path not in coming:
                    first[entry] = path
        found = []
        for spot in put:
            twin = first.get(target.entries[os.fsdecode(spot.path)], "")
            found.append(replace(spot, twin=os.fsencode(twin)) if twin and os.fsencode(twin) != spot.path else spot)
        return sorted(found, key=lambda spot: bool(spot.twin))  # the first name comes first

    def _open(self, folder: str, opened: dict[str, int], modes: dict[str, int]) -> None:
        """See that a folder can be written while the steps are done, and that it gets its mode back."""
        entry = self._now.entries.get(folder)
        if entry is None or not self._now.folder(folder) or entry[0] & stat.S_IRWXU == stat.S_IRWXU:
            return
        opened[folder] = entry[0] | stat.S_IRWXU
        if folder not in self._taken:
            modes[folder] = entry[0]

    def _spot(self, path: str) -> Spot:
        entry = self._target.entries.get(path)
        file = entry if entry is not None and not self._target.folder(path) else None
        return Spot(
            os.fsencode(path),
            self._now.entries.get(path),
            self._now.contents.get(path),
            file[0] if file else 0,
            file[2] if file else 0,
            self._target.contents[path] if file else b"",
            owner(file) if file else (-1, -1),
        )


def _kind(entry: Entry) -> int:
    return stat.S_IFMT(entry[0])
