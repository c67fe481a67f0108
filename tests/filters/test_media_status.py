"""MediaStatus."""

from pathlib import Path

import numpy as np

from filters.media_status import MediaStatus
from stages.media import MediaStore
from stages.record import table_of
from stages.stage import Batch


def batch_of(*statuses):
    media = [{"type": "image", "status": status} for status in statuses]
    return Batch(table=table_of([{"media": media}]), store=MediaStore(root=Path(".")))


def test_only_ok_is_kept():
    filter_ = MediaStatus()
    scores = filter_.build()(batch_of("ok", "http 404", None))
    [limit] = filter_.limits()
    assert scores[limit.score].dtype == np.float32
    assert limit.keeps(scores[limit.score]).tolist() == [True, False, False]


def test_the_reason_is_the_status():
    reasons = MediaStatus().reasons(batch_of("ok", "http 404", None))
    assert reasons == ["ok", "http 404", "not fetched"]
