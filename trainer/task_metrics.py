"""How right answers are: boxes by overlap, texts by letters, actions by what they do."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

HALF: Final = 0.5
"""Overlap from which a box counts as found, and distance from which a text counts as wrong."""
_NUMBER: Final = r"\s*-?\d+(?:\.\d+)?\s*"
_BOX: Final = re.compile(rf"\[{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}\]")
_CALL: Final = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
_PLACES: Final = ("coordinate", "coordinate2")
"""Arguments of actions that say where."""


def boxes_in(text: str) -> Floats:
    """Return float64[N, 4], every list of four numbers in a text.

    >>> boxes_in('[{"bbox_2d": [1, 2, 30, 40], "label": "a [5] mill"}]').tolist()
    [[1.0, 2.0, 30.0, 40.0]]
    """
    return np.array([json.loads(each) for each in _BOX.findall(text)], np.float64).reshape(-1, 4)


def overlaps(found: Floats, true: Floats) -> Floats:
    """Return float64[N, M], intersection over union of boxes x1, y1, x2, y2.

    >>> overlaps(np.array([[0, 0, 2, 2]]), np.array([[0, 0, 2, 2], [1, 0, 3, 2]])).tolist()
    [[1.0, 0.3333333333333333]]
    """
    corners = (
        np.maximum(found[:, None, :2], true[:, :2]),
        np.minimum(found[:, None, 2:], true[:, 2:]),
    )
    common = np.clip(corners[1] - corners[0], 0, None).prod(-1)
    areas = [np.clip(each[:, 2:] - each[:, :2], 0, None).prod(-1) for each in (found, true)]
    union = areas[0][:, None] + areas[1] - common
    shares: Floats = np.divide(common, union, out=np.zeros(common.shape), where=union > 0)
    return shares


def box_scores(found: Floats, true: Floats) -> tuple[float, float]:
    """Return the mean overlap of true boxes with those found, and the share found (Acc@0.5).

    Each box is matched at most once, the pair that overlaps most first. Found boxes beyond the
    true ones count as wrong: the share is of whichever are more.

    Args:
        found: float64[N, 4].
        true: float64[M, 4], M at least 1.
    """
    matches = []
    left = overlaps(found, true)
    for _ in range(min(left.shape)):
        pair = np.unravel_index(left.argmax(), left.shape)
        matches.append(float(left[pair]))
        left[pair[0], :] = left[:, pair[1]] = -1
    hits = sum(match >= HALF for match in matches)
    return sum(matches) / len(true), hits / max(len(found), len(true))


def normalised(text: str) -> str:
    """Return a text as it is compared: lower case, single spaces, no full stop at the end.

    >>> normalised("  Two  mills. ")
    'two mills'
    """
    return " ".join(text.casefold().split()).removesuffix(".")


def is_exact(found: str, true: str) -> bool:
    """Tell whether two texts are the same, but for case, spaces and a full stop."""
    return normalised(found) == normalised(true)


def anls(found: str, true: str) -> float:
    """Return one less the edits from one text to the other, of the longer's length; 0 below 0.5.

    >>> anls("mills", "Mill"), anls("cat", "dog")
    (0.8, 0.0)

    Source: Biten et al. 2019, arXiv:1905.13648, section 4.2.
    """
    a, b = normalised(found), normalised(true)
    distance = _edits(a, b) / max(len(a), len(b), 1)
    return 1 - distance if distance < HALF else 0.0


def _edits(a: str, b: str) -> int:
    """Return the Levenshtein distance."""
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            best = min(row[j] + 1, row[j - 1] + 1, diagonal + (letter != other))
            diagonal, row[j] = row[j], best
    return row[-1]


def action_in(text: str) -> Mapping[str, Any]:
    """Return the arguments of the first call in an answer, its name beside them; {} without one.

    >>> call = '{"name": "mobile_use", "arguments": {"action": "click", "coordinate": [9, 4]}}'
    >>> action_in(f"<tool_call>\\n{call}\\n</tool_call>")
    {'action': 'click', 'coordinate': [9, 4], 'name': 'mobile_use'}
    """
    match = _CALL.search(text)
    try:
        call = json.loads(match[1]) if match else {}
        return {**call["arguments"], "name": call["name"]}
    except (KeyError, TypeError, ValueError):
        return {}


def is_same_action(found: Mapping[str, Any], true: Mapping[str, Any]) -> bool:
    """Tell whether two actions do the same, wherever they do it.

    >>> is_same_action({"action": "click", "coordinate": [1, 2]}, {"action": "click"})
    True
    """
    first, second = (
        {name: value for name, value in each.items() if name not in _PLACES}
        for each in (found, true)
    )
    return first == second


def is_inside(action: Mapping[str, Any], box: Sequence[float], scale: Floats) -> bool:
    """Tell whether an action's coordinate, times the scale, lies in a box or on its edge.

    Args:
        action: as `action_in` gives it.
        box: x1, y1, x2, y2.
        scale: float64[2], of x and y.
    """
    place = action.get("coordinate")
    if not isinstance(place, list) or [type(each) in (int, float) for each in place] != [True] * 2:
        return False
    x, y = np.array(place) * scale
    return bool(box[0] <= x <= box[2] and box[1] <= y <= box[3])
