"""Embed pictures and sentences with CLIP; measure how each picture relates to its document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar, Final, cast

import numpy as np
from PIL import Image

from stages import relations
from stages.decode import Limits, decode_reduced
from stages.elements import Floats, Ints, MediaList, add_scores, with_media
from stages.embeddings import with_embeddings
from stages.engines.clip import Clip
from stages.engines.clip_loaded import LoadedClip
from stages.media import Location
from stages.picture_context import Context, context_of
from stages.pictures import Pixels
from stages.stage import Batch, Resources, Stage, StageFn

NAME: Final = "clip"
MEASURES: Final = ("best", "near", "document", "residual", "assigned")
PORTION: Final = 256
"""Pictures given to the model at once: more would have to be held in memory."""
LIMITS: Final = Limits()


@dataclass(frozen=True, kw_only=True)
class EmbedClip(Stage):
    """Embeds the pictures of documents, and measures each against the sentences around it.

    Pictures and sentences of all documents of a batch go through the model together, each
    content once. A picture that is not stored or cannot be decoded has neither embedding nor
    measurements; one whose document has no sentence has no measurements. No threshold is
    applied here: filters read what is written, so another threshold needs no model.

    Reads: messages, media (type, status, sha256, location) and their bytes.
    Writes: embedding.clip, the sha256 of each picture to its unit vector; into the scores of
        media, float32:
        clip.best, highest cosine with a sentence of the document, in [-1, 1];
        clip.near, mean cosine with the sentences around, the nearer weighing more;
        clip.document, cosine with the mean of the sentences;
        clip.residual, share of the picture that no combination of sentences holds, in [0, 1];
        clip.assigned, cosine with the sentence assigned to it, no sentence to two pictures.
    Source: Radford et al. 2021, arXiv:2103.00020 (CLIP); Zhu et al. 2023, arXiv:2304.06939,
        section 3 (assignment); `stages.relations` for the measurements.

    Attributes:
        clip: the model.
        neighbours: sentences on each side that clip.near looks at.
        max_sentences: most sentences of a document that are looked at, those nearest to
            pictures first.
        max_words: longer sentences are cut into pieces. CLIP reads 77 tokens: 36 words of
            English are about 50, 36 characters of Chinese about 72.
    """

    reads: ClassVar = ("messages", "media")
    writes: ClassVar = ("embedding.clip", "media")
    source: ClassVar = "CLIP, arXiv:2103.00020; Multimodal C4, arXiv:2304.06939, section 3"
    resources: ClassVar[Resources] = Resources(workers=1)

    clip: Clip = field(default_factory=Clip)
    neighbours: int = 4
    max_sentences: int = 128
    max_words: int = 36

    def __post_init__(self) -> None:
        for name in ("neighbours", "max_sentences", "max_words"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    def check(self) -> None:
        """Look whether the model is on this machine.

        Raises:
            MissingWeightsError: when it is not.
        """
        self.clip.check()

    def build(self) -> StageFn:
        """Load the model and return the function that embeds and measures a batch."""
        clip = self.clip.load()

        def embed(batch: Batch) -> Batch:
            media = batch.media()
            vectors = _picture_vectors(batch, media, clip)
            context = context_of(
                batch,
                _shown(media, vectors),
                max_sentences=self.max_sentences,
                max_words=self.max_words,
            )
            measured = self._measure(context, media, vectors, _sentence_vectors(context, clip))
            table = with_embeddings(batch.table, NAME, vectors)
            table = with_media(table, add_scores(media.values, measured))
            return batch.with_table(table, same_texts=True)

        return embed

    def _measure(
        self, context: Context, media: MediaList, vectors: Mapping[str, Floats], spoken: Floats
    ) -> dict[str, Floats]:
        """Return `clip.<measure>` to float32[M], NaN where a medium was not measured."""
        found = {measure: np.full(len(media), np.nan, np.float32) for measure in MEASURES}
        names = media.column("sha256").to_pylist()
        for around in context.documents():
            at, texts = around.pictures, spoken[around.sentences]
            images = np.stack([vectors[names[i]] for i in at])
            found["best"][at] = relations.best(images, texts)
            found["near"][at] = relations.near(
                images, texts, around.distance, neighbours=self.neighbours
            )
            found["document"][at] = relations.document(images, texts)
            found["residual"][at] = relations.residual(images, texts)
            found["assigned"][at] = relations.assigned(images, texts)
        return {f"{NAME}.{measure}": values for measure, values in found.items()}


def _picture_vectors(batch: Batch, media: MediaList, clip: LoadedClip) -> dict[str, Floats]:
    """Return the unit vector of each different picture that can be decoded, by its sha256."""
    vectors: dict[str, Floats] = {}
    for pictures in _decoded(batch, _stored(media), clip):
        found = clip.embed_images(list(pictures.values()))
        vectors.update(zip(pictures, found, strict=True))
    return vectors


def _decoded(
    batch: Batch, stored: Mapping[str, Location], clip: LoadedClip
) -> Iterator[dict[str, Pixels]]:
    """Yield pictures by their sha256, PORTION at a time; the next ones are decoded meanwhile."""
    names, before = list(stored), None
    decode = partial(_decode, batch, clip.side_px)
    with ThreadPoolExecutor(clip.workers) as pool:
        for start in range(0, len(names), PORTION):
            some = names[start : start + PORTION]
            here = some, pool.map(decode, [stored[name] for name in some])
            if before is not None:
                yield _whole(*before)
            before = here
        if before is not None:
            yield _whole(*before)


def _whole(names: list[str], pictures: Iterator[Pixels | None]) -> dict[str, Pixels]:
    pairs = zip(names, pictures, strict=True)
    return {name: pixels for name, pixels in pairs if pixels is not None}


def _decode(batch: Batch, side_px: int, place: Location) -> Pixels | None:
    """Return uint8[H, W, 3] of no more than four times the side that the model sees, or None."""
    _, pixels = decode_reduced(batch.store.read(place), LIMITS, side_px)
    if pixels is None:
        return None
    by = min(pixels.shape[:2]) // (2 * side_px)
    return pixels if by < 2 else np.asarray(Image.fromarray(pixels).reduce(by))


def _stored(media: MediaList) -> dict[str, Location]:
    """Return where each different picture lies, by its sha256."""
    places = np.flatnonzero(media.stored_pictures)
    names, locations = (media.column(name).take(places) for name in ("sha256", "location"))
    pairs = zip(names.to_pylist(), locations.to_pylist(), strict=True)
    return {name: Location(**location) for name, location in pairs}


def _shown(media: MediaList, vectors: Mapping[str, Floats]) -> Ints:
    """Return int64[K], the pictures that have a vector, as places among all media."""
    names, stored = media.column("sha256").to_pylist(), media.stored_pictures
    has = [bool(stored[i]) and name in vectors for i, name in enumerate(names)]
    return np.flatnonzero(np.array(has, np.bool_))


def _sentence_vectors(context: Context, clip: LoadedClip) -> Floats:
    """Return float32[S, D]; equal sentences are embedded once."""
    encoded = context.sentences.text.dictionary_encode()
    if len(encoded) == 0:
        return np.empty((0, clip.dim), np.float32)
    vectors: Floats = clip.embed_texts(encoded.dictionary.to_pylist())
    return cast(Floats, vectors[encoded.indices.to_numpy()])
