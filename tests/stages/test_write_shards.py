"""From units to shards: cutting, bytes, and what the `datasets` library sees."""

import doctest
import io
import itertools

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from stages import write_shards
from stages.elements import drop_media
from stages.errors import RecordError, StorageError
from stages.files import write_table
from stages.media import MediaStore, write_pack
from stages.record import content_id, document, media_part, table_of, text_part
from stages.shards import read_stamp, verify, write_manifest
from stages.stage import Batch
from stages.tokenize_sample import TokenizeSample
from stages.write_shards import WriteShards


def png(width, height, colour):
    data = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(data, "PNG")
    return data.getvalue()


class Run:
    """A folder of media and unit files, as the runner leaves it."""

    def __init__(self, root, sizes=((56, 84), (112, 28))):
        self.root = root
        self.store = MediaStore(root=root / "media")
        self.shards = root / "shards"
        self.media = []
        with write_pack(root / "media/0.pack") as pack:
            for colour, (width, height) in enumerate(sizes):
                sha256, place = pack.add(png(width, height, (colour, 0, 0)))
                location = {"pack": place.pack, "offset": place.offset, "length": place.length}
                self.media.append(
                    {
                        "type": "image",
                        "uri": f"http://pictures.example/{colour}.png",
                        "sha256": sha256,
                        "mime": "image/png",
                        "width_px": width,
                        "height_px": height,
                        "status": "ok",
                        "location": location,
                        "scores": [("clip", 0.25)],
                    }
                )

    def page(self, name, *shown):
        return {
            "id": content_id(name),
            "kind": "interleaved",
            "messages": document([text_part(name), *(media_part(index) for index in shown)]),
            "media": self.media if shown else [],
            "tags": ["en"],
            "meta": [("title", name)],
            "score.words": 3.0,
        }

    def tokenized(self, rows):
        batch = Batch(table=table_of(rows), store=self.store)
        return TokenizeSample(processor="tiny").build()(batch).table

    def unit(self, index, rows):
        path = self.root / f"segments/1/{index:05d}.kept.parquet"
        write_table(path, self.tokenized(rows) if rows else table_of([]))
        return path

    def write(self, parts, **options):
        writer = WriteShards(**options)
        return [writer.write(job, self.store, self.shards) for job in writer.plan(parts)]


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


def load(run, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    files = sorted(str(path) for path in run.shards.glob("*.parquet"))
    return datasets.load_dataset(
        "parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache")
    )


def test_datasets_opens_the_shards_and_shows_the_pictures(run, tmp_path, monkeypatch):
    parts = [run.unit(0, [run.page("a", 0, 1), run.page("b")]), run.unit(1, [run.page("c", 1)])]
    run.write(parts)
    rows = load(run, tmp_path, monkeypatch)
    assert [row["messages"][0]["parts"][0]["text"] for row in rows] == ["a", "b", "c"]
    assert [[image.size for image in row["images"]] for row in rows] == [
        [(56, 84), (112, 28)],
        [],
        [(112, 28)],
    ]
    assert rows[0]["images"][1].getpixel((0, 0)) == (1, 0, 0)
    assert rows[0]["meta"] == [{"key": "title", "value": "a"}]
    assert rows[0]["media"][0]["scores"] == [{"key": "clip", "value": 0.25}]
    assert rows[0]["score.words"] == 3.0
    assert rows[0]["grid_thw"] == [[1, 6, 4], [1, 2, 8]]


def test_pictures_stand_in_reading_order_once_per_place(run):
    run.write([run.unit(0, [run.page("a", 1, 0, 1)])])
    (row,) = pq.read_table(run.shards / "part-00000.parquet").to_pylist()
    names = [picture["path"] for picture in row["images"]]
    one, two = (f"{medium['sha256']}.png" for medium in run.media)
    assert names == [two, one, two]
    assert row["grid_thw"] == [[1, 2, 8], [1, 6, 4], [1, 2, 8]]


def test_the_footer_carries_the_stamp_and_rows_do_not(run):
    run.write([run.unit(0, [run.page("a")])])
    path = run.shards / "part-00000.parquet"
    assert read_stamp(path).max_pixels == 12_845_056
    assert "stamp" not in pq.read_schema(path).names


def test_media_lose_their_place_in_the_packs(run):
    run.write([run.unit(0, [run.page("a", 0)])])
    (row,) = pq.read_table(run.shards / "part-00000.parquet").to_pylist()
    assert [medium["location"] for medium in row["media"]] == [None, None]
    assert row["media"][0]["uri"] == "http://pictures.example/0.png"


def test_the_same_rows_give_the_same_bytes(run):
    parts = [run.unit(0, [run.page("a", 0), run.page("b", 1)])]
    (first,) = run.write(parts)
    (again,) = run.write(parts)
    assert first == again


def test_units_without_rows_leave_no_trace(run):
    infos = run.write([run.unit(0, []), run.unit(1, [run.page("a")]), run.unit(2, [])])
    assert [info.rows for info in infos] == [1]
    assert WriteShards().plan([run.unit(0, [])]) == []
    assert WriteShards().plan([]) == []


def test_written_shards_verify(run):
    infos = run.write([run.unit(0, [run.page("a", 0)])])
    manifest = write_manifest(run.shards, infos)
    assert verify(run.shards) == ()
    assert manifest.totals["n_patches"] == 24


def noise(seed, size):
    """Return a picture that hardly compresses."""
    import numpy as np

    pixels = np.random.default_rng(seed).integers(0, 255, (size, size, 3), np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture(scope="module")
def heavy(tmp_path_factory):
    """A run whose seven pictures have 0.55 MiB each."""
    run = Run(tmp_path_factory.mktemp("heavy"), sizes=())
    with write_pack(run.root / "media/1.pack") as pack:
        for seed in range(7):
            data = io.BytesIO()
            noise(seed, 440).save(data, "PNG")
            sha256, place = pack.add(data.getvalue())
            run.media.append(
                {
                    "type": "image",
                    "sha256": sha256,
                    "mime": "image/png",
                    "width_px": 440,
                    "height_px": 440,
                    "location": vars(place),
                }
            )
    return run


def heavy_page(run, number):
    page = run.page(f"page {number}", 0)
    return page | {"media": run.media[number : number + 1]}


def test_shards_and_row_groups_are_full_at_their_sizes(heavy):
    """0.55 MiB a row: one row to a group of 1 MiB, three groups to a shard of 2 MiB."""
    pages = [heavy_page(heavy, number) for number in range(7)]
    infos = heavy.write(
        [heavy.unit(0, pages[:4]), heavy.unit(1, pages[4:])], max_shard_mb=2, row_group_mb=1
    )
    assert [info.rows for info in infos] == [3, 3, 1]
    assert [info.file for info in infos] == [f"part-{k:05d}.parquet" for k in range(3)]
    metadata = pq.read_metadata(heavy.shards / infos[0].file)
    assert [metadata.row_group(k).num_rows for k in range(metadata.num_row_groups)] == [1, 1, 1]


def test_a_row_group_may_span_units(heavy):
    (job,) = WriteShards().plan(
        [heavy.unit(k, [heavy_page(heavy, k), heavy_page(heavy, k + 1)]) for k in range(2)]
    )
    ((first, second),) = job.groups
    assert (first.start, first.stop, second.start, second.stop) == (0, 2, 0, 2)


@settings(
    deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(counts=st.lists(st.integers(0, 4), max_size=4), shard_mb=st.integers(1, 3))
def test_every_row_is_written_once_and_in_order(heavy, counts, shard_mb):
    numbers = itertools.count()
    parts, ids = [], []
    for index, count in enumerate(counts):
        pages = [heavy_page(heavy, next(numbers) % 7) for _ in range(count)]
        parts.append(heavy.unit(index, pages))
        ids += [page["id"] for page in pages]
    infos = heavy.write(parts, max_shard_mb=shard_mb, row_group_mb=1)
    written = [
        id_
        for info in infos
        for id_ in pq.read_table(heavy.shards / info.file, columns=["id"])["id"].to_pylist()
    ]
    assert written == ids


def test_a_column_that_one_unit_lacks_is_null_there(run):
    other = run.page("b")
    other["cluster.minhash"] = other["id"]
    parts = [run.unit(0, [run.page("a")]), run.unit(1, [other])]
    run.write(parts)
    table = pq.read_table(run.shards / "part-00000.parquet")
    assert table.column("cluster.minhash").to_pylist() == [None, other["id"]]


def test_a_pack_that_is_gone_is_a_storage_error_and_leaves_no_shard(run):
    part = run.unit(0, [run.page("a", 0)])
    (run.root / "media/0.pack").unlink()
    with pytest.raises(StorageError, match=r"0\.pack is missing"):
        run.write([part])
    assert list(run.shards.iterdir()) == []


def test_a_medium_that_was_never_fetched_is_a_storage_error(run):
    page = run.page("a", 0)
    page["media"] = [{**run.media[0], "location": None}]
    with pytest.raises(StorageError, match=r"pictures\.example/0\.png, which was never fetched"):
        run.write([run.unit(0, [page])])


def test_units_without_tokens_say_which_stage_is_wanting(run):
    write_table(run.root / "0.parquet", table_of([run.page("a")]))
    with pytest.raises(RecordError, match=r"has no column input_ids.*TokenizeSample"):
        WriteShards().plan([run.root / "0.parquet"])


def test_a_sample_edited_after_tokenizing_is_refused(run):
    import numpy as np

    table = drop_media(run.tokenized([run.page("a", 0, 1)]), np.array([True, False]))
    write_table(run.root / "0.parquet", table)
    with pytest.raises(RecordError, match="shows 1 media and has 2 grids"):
        run.write([run.root / "0.parquet"])


def test_units_tokenized_in_different_ways_are_refused(run):
    batch = Batch(table=table_of([run.page("b")]), store=run.store)
    other = TokenizeSample(processor="tiny", max_pixels=50_176).build()(batch).table
    write_table(run.root / "1.parquet", other)
    with pytest.raises(RecordError, match="tokenized in different ways"):
        WriteShards().plan([run.unit(0, [run.page("a")]), run.root / "1.parquet"])


def test_a_video_stands_in_a_column_of_its_own(run, tmp_path, monkeypatch):
    pytest.importorskip("datasets")
    video = {
        **run.media[0],
        "type": "video",
        "mime": "video/mp4",
        "frame_times_s": [0.0, 1.0],
    }
    page = run.page("a", 0, 1) | {"media": [video, run.media[1]]}
    run.write([run.unit(0, [page])])
    (row,) = pq.read_table(run.shards / "part-00000.parquet").to_pylist()
    assert [file["path"] for file in row["images"]] == [f"{run.media[1]['sha256']}.png"]
    assert [file["path"] for file in row["videos"]] == [f"{video['sha256']}.mp4"]
    assert "Video" in str(load(run, tmp_path, monkeypatch).features["videos"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"row_group_mb": 0}, r"row_group_mb must lie in \[1, 1024\], got 0"),
        ({"row_group_mb": 1025, "max_shard_mb": 4096}, "got 1025"),
        ({"max_shard_mb": 63}, "max_shard_mb 63 is under row_group_mb 64"),
    ],
)
def test_sizes_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        WriteShards(**options)


def test_the_examples_in_the_docstrings_hold():
    result = doctest.testmod(write_shards)
    assert (result.attempted, result.failed) == (1, 0)
