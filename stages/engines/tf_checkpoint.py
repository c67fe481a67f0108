"""Read the float arrays of a zipped TensorFlow SavedModel, without TensorFlow.

`variables/variables.index` is a table of LevelDB's form: keys that share their beginnings, each
with a BundleEntryProto that says where in `variables.data-00000-of-00001` an array lies.

Source: TensorFlow, core/util/tensor_bundle/tensor_bundle.h and core/protobuf/tensor_bundle.proto;
LevelDB, doc/table_format.md.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np

from stages.elements import Floats
from stages.errors import NotReadyError

_INDEX, _DATA = "variables/variables.index", "variables/variables.data-00000-of-00001"
_FLOAT32: Final = 1  # DataType of tensorflow/core/framework/types.proto
_FOOTER_BYTES: Final = 48
_UNCOMPRESSED: Final = 0


def read_arrays(path: Path) -> dict[str, Floats]:
    """Return the float32 arrays of a zipped SavedModel by their names in it.

    Raises:
        NotReadyError: when the file is no such archive, or is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            index = archive.read(next(name for name in names if name.endswith(_INDEX)))
            data = archive.read(next(name for name in names if name.endswith(_DATA)))
        entries = {key: _fields(value) for key, value in _table(index)}
        return {
            key.decode(): _array(entry, data)
            for key, entry in entries.items()
            if key and entry.get(1) == _FLOAT32
        }
    except (zipfile.BadZipFile, StopIteration, IndexError, ValueError, TypeError) as error:
        raise NotReadyError(f"{path} is no zipped SavedModel of TensorFlow ({error!r})") from error


def _table(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield keys and values of a LevelDB table."""
    footer = table[-_FOOTER_BYTES:]
    _, at = _varint(footer, 0)
    _, at = _varint(footer, at)  # where the block of metadata lies
    offset, at = _varint(footer, at)
    size, _ = _varint(footer, at)
    for _, handle in _block(table, offset, size):
        start, at = _varint(handle, 0)
        length, _ = _varint(handle, at)
        yield from _block(table, start, length)


def _block(table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield keys and values of one block; a key leaves out what it shares with the one before."""
    if table[offset + size] != _UNCOMPRESSED:
        raise ValueError("its index is compressed")
    block = table[offset : offset + size]
    restarts = int.from_bytes(block[-4:], "little")
    end, at, key = size - 4 * (restarts + 1), 0, b""
    while at < end:
        shared, at = _varint(block, at)
        own, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + own]
        at += own
        yield key, block[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return an integer written seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at


def _fields(message: bytes) -> dict[int, int | list[bytes]]:
    """Return the fields of a protocol buffer message by number: integers, or lists of bytes."""
    fields: dict[int, int | list[bytes]] = {}
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            fields[number], at = _varint(message, at)
        elif wire == 2:
            length, at = _varint(message, at)
            pieces = fields.setdefault(number, [])
            assert isinstance(pieces, list)
            pieces.append(message[at : at + length])
            at += length
        else:
            at += {1: 8, 5: 4}[wire]  # fixed64 and fixed32, such as the checksum
    return fields


def _array(entry: Mapping[int, int | list[bytes]], data: bytes) -> Floats:
    """Return the array of a BundleEntryProto: 2 shape, 4 offset, 5 size."""
    shape = _shape(entry.get(2, []))
    offset, size = entry.get(4, 0), entry.get(5, 0)
    assert isinstance(offset, int)
    assert isinstance(size, int)
    if size != 4 * math.prod(shape) or offset + size > len(data):
        raise ValueError(f"an array of shape {shape} has {size} bytes")
    values: Floats = np.frombuffer(data[offset : offset + size], "<f4").reshape(shape)
    return values


def _shape(pieces: int | list[bytes]) -> tuple[int, ...]:
    """Return the sizes of a TensorShapeProto."""
    assert isinstance(pieces, list)
    dims = [dim for piece in pieces for dim in _messages(_fields(piece).get(2, []))]
    sizes = [dim.get(1, 0) for dim in dims]
    return tuple(size for size in sizes if isinstance(size, int))


def _messages(pieces: int | list[bytes]) -> list[dict[int, int | list[bytes]]]:
    return [_fields(piece) for piece in pieces] if isinstance(pieces, list) else []
