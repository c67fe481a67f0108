"""Figures of how well scores tell things apart: area under the ROC curve, retrieval."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stages.elements import Floats


def roc_auc(positive: npt.ArrayLike, negative: npt.ArrayLike) -> float:
    """Return how often a positive scores higher than a negative, a tie counting half.

    >>> roc_auc([3.0, 2.0], [1.0, 2.0])
    0.875
    """
    above, below = np.asarray(positive, np.float64), np.sort(np.asarray(negative, np.float64))
    fewer = np.searchsorted(below, above, side="left")
    fewer_or_equal = np.searchsorted(below, above, side="right")
    return float((fewer + fewer_or_equal).sum() / 2 / (len(above) * len(below)))


def recall_at(similarity: Floats, k: int) -> float:
    """Return the share of rows whose own column is among their k highest.

    Args:
        similarity: float32[N, N]; what belongs together stands on the diagonal.
        k: how many are looked at; of equal ones the own comes last.

    >>> recall_at(np.array([[0.9, 0.1], [0.8, 0.2]], np.float32), 1)
    0.5
    """
    own = np.diagonal(similarity)[:, None]
    ahead = (similarity >= own).sum(axis=1) - 1
    return float((ahead < k).mean())
