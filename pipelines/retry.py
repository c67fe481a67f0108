"""Asking again what failed for the moment: `quern run --retry-failed`."""

from __future__ import annotations

from pipelines.buckets import bucket_at, regroup_of
from pipelines.folder import RunFolder, write_json
from pipelines.plan import bucket_count, cut, retries
from pipelines.recipe import Recipe
from stages.places import remove


def retry_failed(recipe: Recipe, folder: RunFolder) -> list[str]:
    """Undo the decisions of the buckets that might be decided better now; the next run redoes them.

    The count of it, which the fingerprints of all that follows depend on, is written first: cut
    off in between, the run redoes too much, never too little.

    Returns:
        What is decided again: step and bucket, such as `fetch_media 3`.
    """
    units, counts = len(recipe.units), dict(retries(folder))
    again: list[str] = []
    undone = []
    for segment in cut(recipe, counts):
        if segment.exit is None:
            continue
        step, operator = segment.exit.name, regroup_of(segment.exit)
        for bucket in range(bucket_count(units)):
            done = folder.decisions(segment.index) / f"{bucket}.done"
            if done.exists() and operator.may_improve(bucket_at(folder, segment, bucket, units)):
                again.append(f"{step} {bucket}")
                undone.append(done)
    for step in dict.fromkeys(name.rpartition(" ")[0] for name in again):
        counts[step] = counts.get(step, 0) + 1
    if again:
        write_json(folder.retried, counts)
        remove(undone)
    return again
