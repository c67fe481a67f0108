"""What the decisions of a Regroup over stretches of texts leave of the texts."""

from pipelines.decided import apply_decisions
from tests.fakes import texts_of
from tests.stages.dedup.driver import decisions_of, split


def texts_left(operator, rows, *, units=1, buckets=1):
    """Return the text parts of the run, per row, after the decisions were applied."""
    batches = split(rows, units)
    decisions = decisions_of(operator, batches, buckets=buckets)
    left = {}
    for unit, batch in enumerate(batches):
        mine = decisions.filter(decisions.column("unit").to_numpy() == unit)
        outcome = apply_decisions(operator, batch, mine, "step")
        parts = outcome.batch.parts()
        ids = outcome.batch.table.column("id").to_pylist()
        left |= {id_.lstrip("0"): [] for id_ in ids}
        rows_of_texts = parts.row[parts.is_text].tolist()
        for row, text in zip(rows_of_texts, texts_of(outcome.batch), strict=True):
            left[ids[row].lstrip("0")].append(text)
    return left
