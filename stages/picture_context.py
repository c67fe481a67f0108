"""Which sentences stand around which pictures of their documents, and how far away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from stages.batch import Batch
from stages.elements import Ints, MediaList, Parts
from stages.relations import UNSHOWN, distances
from stages.sentences import Sentences, sentences_of


@dataclass(frozen=True, kw_only=True)
class Around:
    """The pictures of one document and its sentences.

    Attributes:
        pictures: int64[I], places among all media.
        sentences: int64[S], places among the sentences of the context.
        distance: int64[I, S], sentences between the two; UNSHOWN for a picture without a place.
    """

    pictures: Ints
    sentences: Ints
    distance: Ints


@dataclass(frozen=True, kw_only=True)
class Context:
    """Some pictures of a batch with the sentences of their documents.

    Attributes:
        shown: int64[K], the pictures, as places among all media.
        row: int64[K], the row of each.
        before: int64[K], sentences of the row in front of where it is first shown, or UNSHOWN.
        sentences: those that are looked at.
    """

    shown: Ints
    row: Ints
    before: Ints
    sentences: Sentences

    def documents(self) -> Iterator[Around]:
        """Yield each document that has both pictures and sentences, in order."""
        edges = np.arange(int(self.row.max(initial=-1)) + 2)
        first = np.searchsorted(self.row, edges)
        begin = np.searchsorted(self.sentences.row, edges)
        for row in np.flatnonzero((np.diff(first) > 0) & (np.diff(begin) > 0)).tolist():
            mine, said = np.arange(*first[row : row + 2]), np.arange(*begin[row : row + 2])
            distance = distances(self.before[mine], self.sentences.place[said])
            yield Around(pictures=self.shown[mine], sentences=said, distance=distance)


def context_of(batch: Batch, shown: Ints, *, max_sentences: int, max_words: int) -> Context:
    """Return the context of some pictures.

    Args:
        batch: the rows.
        shown: int64[K], ascending, places of the pictures among all media.
        max_sentences: most sentences kept of a document, those nearest to a picture first.
        max_words: longer sentences are cut into pieces.
    """
    media, sentences = batch.media(), sentences_of(batch, max_words=max_words)
    before = _before(batch.parts(), media, shown, sentences)
    whole = Context(shown=shown, row=media.row[shown], before=before, sentences=sentences)
    keep = np.zeros(len(sentences.row), np.bool_)
    for around in whole.documents():
        gaps = np.where(around.distance == UNSHOWN, len(around.sentences), around.distance)
        nearest = np.argsort(gaps.min(axis=0), kind="stable")[:max_sentences]
        keep[around.sentences[nearest]] = True
    return replace(whole, sentences=sentences.keep(keep))


def _before(parts: Parts, media: MediaList, shown: Ints, sentences: Sentences) -> Ints:
    """Return int64[K], sentences in front of where each picture is first shown, or UNSHOWN."""
    position = _first_shown(parts, media, shown)
    row = media.row[shown]
    stride = int(parts.position.max(initial=0)) + 1  # one number orders rows and their parts
    order = sentences.row * stride + sentences.part
    in_front = np.searchsorted(order, row * stride + position)
    count = in_front - np.searchsorted(sentences.row, row)
    return np.where(position < 0, UNSHOWN, count)


def _first_shown(parts: Parts, media: MediaList, shown: Ints) -> Ints:
    """Return int64[K], place in its row of the part that first shows each picture; -1: none."""
    shows = np.flatnonzero(parts.media_index >= 0)[::-1]  # the first of several stays
    places = zip(parts.row[shows].tolist(), parts.media_index[shows].tolist(), strict=True)
    where = dict(zip(places, parts.position[shows].tolist(), strict=True))
    wanted = zip(media.row[shown].tolist(), media.position[shown].tolist(), strict=True)
    return np.array([where.get(each, -1) for each in wanted], np.int64)
