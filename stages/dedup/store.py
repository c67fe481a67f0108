"""A store of signatures: what earlier runs kept, so that a new crawl is held against it unread.

store.json                      what the signatures are; a run with other options is refused
generations/NAME/               what one run kept; never changed once it is whole
    00012.texts.arrow           id and sketch of each text that unit 12 kept
    00012.keys.arrow            their band keys, ascending, and whose they are
    generation.json             written last: the run, its inputs, the generations that it saw

A bucket of a run reads its range of each file of keys, mapped into memory, and the sketches of
those alone that share a key with it. A stored text takes about 12 bytes a band, 4 a shingle (at
most 4 KiB) and its id. Runs that go on at the same time do not see each other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import pyarrow as pa

from stages.dedup.signatures import Keys
from stages.elements import Ints
from stages.errors import NotReadyError, StorageError
from stages.files import atomic, write_bytes
from stages.memory import Memory
from stages.places import AnyPath, names_in, open_ranged, reached, read_bytes

VERSION: Final = 1
KEYS: Final = pa.schema({"key": pa.uint64(), "text": pa.int32()})
TEXTS: Final = pa.schema({"id": pa.string(), "sketch": pa.large_list(pa.uint32())})

_STORED: Final = -(1 << 62)
_UNIT_SHIFT: Final = 26
_GENERATION_SHIFT: Final = 47
_TEXT_MASK: Final = (1 << _UNIT_SHIFT) - 1
_UNIT_MASK: Final = (1 << (_GENERATION_SHIFT - _UNIT_SHIFT)) - 1


@dataclass(frozen=True, kw_only=True)
class SignatureStore(Memory):
    """The store in a folder, as one run sees it.

    Its texts are nodes below zero: -2**62 + (generation << 47 | unit << 26 | text), by which
    the generation is the place among those that the run sees.

    Attributes:
        root: the folder.
        made_with: what signatures, keys and sketches depend on, by name.
    """

    root: AnyPath
    made_with: tuple[tuple[str, Any], ...]

    def check(self) -> None:
        """Refuse a store whose signatures were made otherwise.

        Raises:
            NotReadyError: naming every option that differs, with both values.
        """
        there = self._told(self.root / "store.json")
        if there is None:
            return
        wanted = {"version": VERSION, **dict(self.made_with)}
        faults = [
            f"{name} {there.get(name)!r} there, {value!r} here"
            for name, value in wanted.items()
            if there.get(name) != value
        ]
        if faults:
            raise NotReadyError(
                f"the store {self.root} holds signatures of another make: {'; '.join(faults)}; "
                f"take the options of the store, or name another folder as store"
            )

    def seen(self, run: str, inputs: Sequence[str]) -> tuple[str, ...]:
        """Return the generations that a run sees, in order of name."""
        mine, found = frozenset(inputs), []
        for name in sorted(names_in(self.root / "generations")):
            told = self._told(self._file(name, "generation.json"))
            if told is None:
                continue
            if told["run"] == run:
                return tuple(told["seen"])
            if mine.isdisjoint(told["inputs"]):
                found.append(name)
        return tuple(found)

    def knows(self, name: str) -> bool:
        """Return whether a generation is whole."""
        return self._told(self._file(name, "generation.json")) is not None

    def has(self, name: str, unit: int) -> bool:
        """Return whether a unit was added."""
        return self._file(name, f"{unit:05d}.keys.arrow").exists()

    def add(self, name: str, unit: int, rows: pa.Table, beside: pa.Table, dropped: Ints) -> None:
        """Write ids, sketches and keys of the texts of a unit that stay."""
        row, key = rows.column("row").to_numpy(), rows.column("key").to_numpy()
        stays = ~np.isin(row, dropped)
        kept, text = np.unique(row[stays], return_inverse=True)
        key, text = key[stays], text.reshape(-1)
        order = np.lexsort((text, key))
        texts = beside.select(TEXTS.names).take(pa.array(kept)).cast(TEXTS)
        _write(self._file(name, f"{unit:05d}.texts.arrow"), texts)
        keys = pa.table([key[order], text[order].astype(np.int32)], schema=KEYS)
        _write(self._file(name, f"{unit:05d}.keys.arrow"), keys)

    def close(self, name: str, run: str, inputs: Sequence[str], seen: Sequence[str]) -> None:
        """Make a generation count.

        Raises:
            NotReadyError: when another run has begun the store with other options meanwhile.
        """
        self.check()
        wanted = {"version": VERSION, **dict(self.made_with)}
        if self._told(self.root / "store.json") is None:
            _write_json(self.root / "store.json", wanted)
        told = {"run": run, "inputs": list(inputs), "seen": list(seen)}
        _write_json(self._file(name, "generation.json"), told)

    def matching(self, keys: Keys, seen: Sequence[str]) -> tuple[Keys, Ints]:
        """Return the keys, and nodes, of stored texts that have one of the keys.

        Nodes of equal keys ascend.

        Args:
            keys: uint64[N].
            seen: the generations that the run sees.
        """
        wanted = np.unique(keys)
        found: list[tuple[Keys, Ints]] = [(wanted[:0], np.empty(0, np.int64))]
        for generation, unit in self._units(seen) if len(wanted) else ():
            with _opened(self._file(seen[generation], f"{unit:05d}.keys.arrow")) as table:
                key = table.column("key").to_numpy()
                start = np.searchsorted(key, wanted[0])
                stop = np.searchsorted(key, wanted[-1], side="right")
                key, text = key[start:stop], table.column("text").to_numpy()[start:stop]
                place = np.minimum(np.searchsorted(wanted, key), len(wanted) - 1)
                same = wanted[place] == key
                node = (generation << _GENERATION_SHIFT) + (unit << _UNIT_SHIFT) + _STORED
                found.append((key[same], text[same].astype(np.int64) + node))
        return np.concatenate([k for k, _ in found]), np.concatenate([n for _, n in found])

    def column(self, name: str, nodes: Ints, seen: Sequence[str]) -> pa.ChunkedArray:
        """Return the `id` or `sketch` of stored texts, given as nodes that ascend."""
        units, starts = np.unique((nodes - _STORED) >> _UNIT_SHIFT, return_index=True)
        stops = [*starts[1:].tolist(), len(nodes)]
        chunks: list[pa.Array] = []
        for unit, start, stop in zip(units.tolist(), starts.tolist(), stops, strict=True):
            generation = seen[unit >> (_GENERATION_SHIFT - _UNIT_SHIFT)]
            path = self._file(generation, f"{unit & _UNIT_MASK:05d}.texts.arrow")
            with _opened(path) as table:
                text = pa.array((nodes[start:stop] - _STORED) & _TEXT_MASK)
                chunks += table.column(name).take(text).chunks
        return pa.chunked_array(chunks, TEXTS.field(name).type)

    def _units(self, seen: Sequence[str]) -> Iterator[tuple[int, int]]:
        for generation, name in enumerate(seen):
            there = sorted(names_in(self.root / "generations" / name))
            for file in there:
                if file.endswith(".keys.arrow"):
                    yield generation, int(file.partition(".")[0])

    def _file(self, generation: str, file: str) -> AnyPath:
        return self.root / "generations" / generation / file

    def _told(self, path: AnyPath) -> dict[str, Any] | None:
        """Return the content of a JSON file, None where there is none."""
        try:
            return cast(dict[str, Any], json.loads(read_bytes(path)))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise StorageError(
                f"{path} is damaged ({error}); name another folder as store"
            ) from error


def _write(path: AnyPath, table: pa.Table) -> None:
    with atomic(path) as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table.combine_chunks())


def _write_json(path: AnyPath, content: Mapping[str, Any]) -> None:
    write_bytes(path, (json.dumps(content, indent=1, sort_keys=True) + "\n").encode())


@contextmanager
def _opened(path: AnyPath) -> Iterator[pa.Table]:
    """Give the table of an Arrow file: mapped into memory, or fetched."""
    if isinstance(path, Path):
        with pa.memory_map(str(path)) as source:
            yield pa.ipc.open_file(source).read_all()
    else:
        with reached(path), open_ranged(path) as file:
            yield pa.ipc.open_file(file).read_all()
