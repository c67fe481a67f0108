"""Nodes: one int64 for a sample, text part or medium of a run, in the order of the run.

A node is unit << 42 | row << 16 | element + 1; element -1 is the whole row. So a run may have
2**21 units of 2**26 rows of 65,535 elements, and sorting nodes sorts by unit, row and element.
Numbers below zero are free for nodes from outside the run (see `stages/dedup/store.py`).
"""

from __future__ import annotations

from typing import Final, cast

import numpy as np

from stages.elements import Ints

ELEMENT_BITS: Final = 16
ROW_BITS: Final = 26
UNIT_BITS: Final = 21

_UNIT_SHIFT: Final = ROW_BITS + ELEMENT_BITS
_ROW_MASK: Final = (1 << ROW_BITS) - 1
_ELEMENT_MASK: Final = (1 << ELEMENT_BITS) - 1


def nodes_of(unit: Ints | int, row: Ints, element: Ints | int = -1) -> Ints:
    """Return int64[N], the nodes of elements of rows of units.

    Raises:
        ValueError: when a number does not fit into its bits; the message says which.
    """
    _check(unit, UNIT_BITS, "unit", "cut the input into fewer, larger files")
    _check(row, ROW_BITS, "row", "cut the input into more, smaller files")
    _check(np.asarray(element) + 1, ELEMENT_BITS, "element", "drop samples of so many elements")
    high = np.asarray(unit, np.int64) << _UNIT_SHIFT
    middle = np.asarray(row, np.int64) << ELEMENT_BITS
    return cast(Ints, high | middle | (np.asarray(element, np.int64) + 1))


def _check(values: Ints | int, bits: int, name: str, remedy: str) -> None:
    numbers = np.asarray(values)
    if numbers.size == 0:
        return
    for number in (int(numbers.min()), int(numbers.max())):
        if not 0 <= number < 1 << bits:
            raise ValueError(
                f"there is no room for {name} number {number}, they must lie in [0, {1 << bits}): "
                f"{remedy}"
            )


def units_of(nodes: Ints) -> Ints:
    """Return int64[N], the units of nodes, ascending where the nodes are."""
    return nodes >> _UNIT_SHIFT


def rows_of(nodes: Ints) -> Ints:
    """Return int64[N], the rows of nodes in their units."""
    return (nodes >> ELEMENT_BITS) & _ROW_MASK


def elements_of(nodes: Ints) -> Ints:
    """Return int64[N], the elements of nodes in their rows, -1 for the whole row."""
    return (nodes & _ELEMENT_MASK) - 1
