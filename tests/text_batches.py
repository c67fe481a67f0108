"""Small batches of text documents."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stages.media import MediaStore
from stages.record import document, table_of, text_part
from stages.stage import Batch, Filter


def batch_of(*documents: str | Sequence[str | None], **columns: list[Any]) -> Batch:
    """Return a batch of documents, each a text part or a sequence of them."""
    rows = []
    for number, parts in enumerate(documents):
        texts = [parts] if isinstance(parts, str) else parts
        row = {"id": str(number), "messages": document([text_part(text) for text in texts])}
        rows.append(row | {name: values[number] for name, values in columns.items()})
    return Batch(table=table_of(rows), store=MediaStore(root=Path("unused")))


def scores_of(operator: Filter, batch: Batch) -> dict[str, list[float]]:
    """Return the scores as lists, having checked names, dtype and length."""
    scores = operator.build()(batch)
    limited = [limit.score for limit in operator.limits()]
    assert sorted(limited) == sorted(scores)
    length = {"sample": len(batch), "text": int(batch.parts().is_text.sum())}[operator.over]
    for values in scores.values():
        assert values.dtype == np.float32
        assert values.shape == (length,)
    return {name: values.tolist() for name, values in scores.items()}


def broken_rules(operator: Filter, batch: Batch) -> list[set[str]]:
    """Return, per element, the scores that lie outside their limits."""
    scores = operator.build()(batch)
    length = len(next(iter(scores.values())))
    return [
        {
            limit.score
            for limit in operator.limits()
            if not limit.keeps(scores[limit.score][each : each + 1])[0]
        }
        for each in range(length)
    ]
