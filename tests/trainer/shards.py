"""Small folders of shards for tests of the trainer, made by the product's own stages."""

import io
import itertools
import json
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from stages.files import read_table, write_table
from stages.media import MediaStore, write_pack
from stages.record import content_id, document, media_part, table_of, text_part
from stages.shards import Stamp, write_manifest
from stages.stage import Batch
from stages.tokenize_sample import TokenizeSample
from stages.tokenizer import load_tokenizer
from stages.write_shards import ShardJob, Slice, WriteShards
from trainer.assemble import Assembly

CONTROL = load_tokenizer("tiny").control


def picture_file(width, height, seed=0, form="PNG", mode="RGB"):
    """Return the bytes of a smooth random picture."""
    small = np.random.default_rng([width, height, seed]).integers(0, 256, (5, 7, 4), np.uint8)
    picture = Image.fromarray(small, "RGBA").resize((width, height), Image.Resampling.BICUBIC)
    data = io.BytesIO()
    picture.convert("RGB").convert(mode).save(data, form)
    return data.getvalue()


def video_file(folder, frames=8, width=320, height=240, fps=4.0):
    """Return the bytes of a video whose frames grow brighter by 24 levels each."""
    path = Path(folder) / "video.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), fps, (width, height))
    for number in range(frames):
        writer.write(np.full((height, width, 3), 24 * number, np.uint8))
    writer.release()
    return path.read_bytes()


def medium(pack, data, *, width, height, **more):
    """Store a file in a pack and return its entry in `media`."""
    sha256, place = pack.add(data)
    entry = {"type": "image", "sha256": sha256, "mime": "image/png", "status": "ok"}
    return {**entry, "width_px": width, "height_px": height, "location": vars(place), **more}


def write_questions(root, count, *, shown_every):
    """Write shards of questions of which one in so many shows a picture; return their folder."""
    with write_pack(root / "media/0.pack") as pack:
        rows = []
        for number in range(count):
            data = picture_file(56, 56, number)
            shown = [] if number % shown_every else [medium(pack, data, width=56, height=56)]
            rows.append(row(f"sample {number}", text=f"What is {number}?", media=shown))
    return write_shards(root, rows)


def row(name, *, text="", media=(), kind="qa", answer="Yes.", dataset="house"):
    """Return a question about media, its text and its answer; a document if there is no answer."""
    shown = [media_part(index, entry["type"]) for index, entry in enumerate(media)]
    parts = [*shown, text_part(text or name)]
    turns = [{"role": "user", "parts": parts}, {"role": "assistant", "parts": [text_part(answer)]}]
    return {
        "id": content_id(name),
        "kind": kind,
        "source": {"dataset": dataset},
        "messages": turns if answer else document(parts),
        "media": list(media),
    }


def write_shards(root, rows, *, chunk_rows=4, shard_chunks=2, **options):
    """Write rows as shards of small row groups into `root`/shards and return that folder.

    The bytes of media lie in packs in `root`/media; options are those of TokenizeSample.
    """
    store = MediaStore(root=root / "media")
    batch = Batch(table=table_of(rows), store=store)
    part = root / "kept.parquet"
    write_table(part, TokenizeSample(**{"processor": "tiny", **options}).build()(batch).table)
    writer = WriteShards()
    (plan,) = writer.plan([part])
    edges = [*range(0, len(rows), chunk_rows), len(rows)]
    groups = [(Slice(path=part, start=a, stop=b),) for a, b in itertools.pairwise(edges)]
    folder = root / "shards"
    infos = []
    for first in range(0, len(groups), shard_chunks):
        file = f"part-{first // shard_chunks:05d}.parquet"
        job = ShardJob(
            file=file, groups=tuple(groups[first : first + shard_chunks]), schema=plan.schema
        )
        infos.append(writer.write(job, store, folder))
    write_manifest(folder, infos)
    return folder


def stamp_of(folder):
    """Return the stamp that the manifest of a folder of shards tells."""
    return Stamp(**json.loads((folder / "manifest.json").read_text())["stamp"])


def assembly(stamp, pack_tokens=256):
    """Return what makes packs with the tiny tokenizer."""
    return Assembly.of(CONTROL, pack_tokens=pack_tokens, stamp=stamp)


def pictures(root, count, seed=0):
    """Return `count` entries of pictures of various sizes, stored in a pack under `root`."""
    draws = np.random.default_rng(seed)
    with write_pack(root / "media/0.pack") as pack:
        sides = draws.integers(40, 200, (count, 2)).tolist()
        return [
            medium(pack, picture_file(w, h, n), width=w, height=h) for n, (w, h) in enumerate(sides)
        ]


def rows_in(folder):
    """Return the rows of all shards in their order, as dictionaries."""
    files = sorted(folder.glob("*.parquet"))
    return [each for file in files for each in read_table(file).to_pylist()]
