"""ProbeMedia."""

import io

import pytest
from PIL import Image

from stages import probe_media
from stages.decode import verify
from stages.media import MediaStore, write_pack
from stages.probe_media import ProbeMedia
from stages.record import document, media_part, table_of
from stages.stage import Batch


def encoded(size=(30, 20), format_="PNG", **options) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "red").save(out, format_, **options)
    return out.getvalue()


def batch_of(tmp_path, *contents: bytes, **changes) -> Batch:
    """Return one sample that shows each of the contents, fetched."""
    media = []
    with write_pack(tmp_path / "fetch-0.pack") as pack:
        for content in contents:
            sha256, place = pack.add(content)
            fields = {"type": "image", "uri": "http://a/", "status": "ok", "sha256": sha256}
            media.append({**fields, "location": vars(place), "alt": "kept", **changes})
    parts = document([media_part(n) for n in range(len(media))])
    row = {"kind": "interleaved", "messages": parts, "media": media}
    return Batch(table=table_of([row]), store=MediaStore(root=tmp_path))


def probed(batch: Batch, **options) -> list[dict]:
    return ProbeMedia(**options).build()(batch).media().values.to_pylist()


def test_size_type_and_status_are_written_and_the_rest_is_kept(tmp_path):
    [medium] = probed(batch_of(tmp_path, encoded(), mime="text/html"))
    assert (medium["width_px"], medium["height_px"]) == (30, 20)
    assert (medium["mime"], medium["status"], medium["alt"]) == ("image/png", "ok", "kept")
    assert medium["location"]["pack"] == "fetch-0.pack"


def test_the_size_is_that_of_the_picture_as_shown(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    [medium] = probed(batch_of(tmp_path, encoded(format_="JPEG", exif=exif)))
    assert (medium["width_px"], medium["height_px"]) == (20, 30)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (encoded((9, 9), format_="JPEG")[:-9], "truncated"),
        (b"<!doctype html><p>not found", "unsupported text/html"),
        (b"<svg xmlns='x'>", "unsupported image/svg+xml"),
        (encoded((11, 10)), "too many pixels"),
        (encoded((10, 10)), "ok"),
        (encoded((10, 10)) + bytes(1000), "too large"),
    ],
)
def test_trouble_is_a_status(tmp_path, content, status):
    [medium] = probed(batch_of(tmp_path, content), max_pixels=100, max_bytes=1000)
    assert medium["status"] == status


def test_equal_pictures_are_looked_through_once(tmp_path, monkeypatch):
    calls = []

    def counted(data, limits):
        calls.append(data)
        return verify(data, limits)

    monkeypatch.setattr(probe_media, "verify", counted)
    content = encoded()
    batch = batch_of(tmp_path, content, content, encoded((5, 5)))
    assert [medium["width_px"] for medium in probed(batch)] == [30, 30, 5]
    assert len(calls) == 2


@pytest.mark.parametrize(
    "changes",
    [{"status": "http 404"}, {"status": None}, {"type": "video"}, {"location": None}],
)
def test_only_fetched_pictures_are_looked_at(tmp_path, changes):
    batch = batch_of(tmp_path, encoded(), **changes)
    assert probed(batch) == batch.media().values.to_pylist()


def test_rows_without_media_pass(tmp_path):
    batch = Batch(table=table_of([{"kind": "text"}]), store=MediaStore(root=tmp_path))
    assert len(ProbeMedia().build()(batch)) == 1


def test_limits_must_be_positive():
    with pytest.raises(ValueError, match="max_pixels must be at least 1, got 0"):
        ProbeMedia(max_pixels=0)
