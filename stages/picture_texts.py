"""What stands around each stored picture of a batch: texts on either side, descriptions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from stages.decode import OK, Limits, decode_rgb, probe
from stages.geometry import MAX_RATIO, Size
from stages.media import Location
from stages.pictures import Pixels
from stages.stage import Batch

_LIMITS: Final = Limits()
_GROUP_BYTES: Final = 256 << 20


@dataclass(frozen=True, kw_only=True)
class EncodedPicture:
    """A picture that is decoded when it is wanted.

    Attributes:
        data: the encoded bytes.
        size: its height and width as shown.
    """

    data: bytes
    size: Size

    def pixels(self) -> Pixels:
        """Return uint8[H, W, 3], RGB.

        Raises:
            UndecodableError: when the bytes are broken behind their header.
        """
        return decode_rgb(self.data, _LIMITS)


@dataclass(frozen=True, kw_only=True)
class PictureText:
    """A picture in its document.

    Attributes:
        medium: its number among the media of the batch.
        picture: the picture.
        before: the text before it in its document, at most so many last characters.
        after: the text behind it, at most so many first characters.
        descriptions: its caption, alternative text and title, where it has them, each once.
    """

    medium: int
    picture: EncodedPicture
    before: str
    after: str
    descriptions: tuple[str, ...]

    @property
    def around(self) -> str:
        """The text before and behind it."""
        return "\n\n".join(text for text in (self.before, self.after) if text)


def picture_texts(batch: Batch, max_chars: int) -> Iterator[list[PictureText]]:
    """Yield the pictures that are stored, shown and fit for a model, some at a time, in order.

    A group holds at most 256 MiB of encoded pictures, so that a batch of any size fits in memory.

    Args:
        batch: rows with messages and media.
        max_chars: of the text on either side, characters.
    """
    media = batch.media()
    sides = _sides(batch, max_chars)
    values = media.values.to_pylist() if sides else []
    chosen = [at for at in np.flatnonzero(media.stored_pictures).tolist() if at in sides]
    for group in _groups({at: int(values[at]["location"]["length"]) for at in chosen}):
        places = (Location(**values[at]["location"]) for at in group)
        found = []
        for at, data in zip(group, batch.store.read_all(places), strict=True):
            size = _fit_size(data)
            if size is not None:
                picture = PictureText(
                    medium=at,
                    picture=EncodedPicture(data=data, size=size),
                    before=sides[at][0],
                    after=sides[at][1],
                    descriptions=_descriptions(values[at]),
                )
                found.append(picture)
        yield found


def _groups(lengths: Mapping[int, int]) -> Iterator[list[int]]:
    """Yield the keys in order, in groups whose values sum up to the limit at most."""
    group: list[int] = []
    size = 0
    for at, length in lengths.items():
        if group and size + length > _GROUP_BYTES:
            yield group
            group, size = [], 0
        group.append(at)
        size += length
    if group:
        yield group


def _fit_size(data: bytes) -> Size | None:
    """Return the size that the header tells, None of a picture that a model cannot take."""
    found = probe(data, _LIMITS)
    short, long = sorted((found.width_px, found.height_px))
    is_fit = found.status == OK and 0 < long <= MAX_RATIO * short
    return Size(found.height_px, found.width_px) if is_fit else None


def _descriptions(medium: dict[str, Any]) -> tuple[str, ...]:
    told = [(medium[name] or "").strip() for name in ("caption", "alt", "title")]
    return tuple(dict.fromkeys(text for text in told if text))


def _sides(batch: Batch, max_chars: int) -> dict[int, tuple[str, str]]:
    """Return of each medium that is shown the texts on both sides of its first place.

    Its own caption, which often stands beside it as a text part, is not among them.
    """
    parts, media = batch.parts(), batch.media()
    texts = parts.values.field("text").to_pylist()
    captions = media.column("caption").to_pylist()
    first = np.searchsorted(media.row, np.arange(len(batch) + 1))
    starts = np.searchsorted(parts.row, np.arange(len(batch) + 1))
    sides: dict[int, tuple[str, str]] = {}
    for place in np.flatnonzero(parts.media_index >= 0).tolist():
        row, index = int(parts.row[place]), int(parts.media_index[place])
        medium = int(first[row]) + index
        if medium >= first[row + 1] or medium in sides:
            continue
        own = captions[medium]

        def joined(start: int, stop: int, own: str | None = own) -> str:
            some = (at for at in range(start, stop) if parts.is_text[at] and texts[at] != own)
            return "\n\n".join(filter(None, ((texts[at] or "").strip() for at in some)))

        before, after = joined(int(starts[row]), place), joined(place + 1, int(starts[row + 1]))
        sides[medium] = before[-max_chars:], after[:max_chars]
    return sides
