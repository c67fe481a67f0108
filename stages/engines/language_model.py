"""Language models that say how likely a line is: KenLM's, and Quern's own of characters."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from stages.elements import Ints
from stages.engines.ngram import NgramModel
from stages.engines.training_texts import TINY_NGRAM
from stages.errors import NotReadyError

ScoreLines = Callable[
    [npt.NDArray[np.uint8], npt.NDArray[np.void]], tuple[npt.NDArray[np.float64], Ints]
]
"""UTF-8 bytes and records of lines to log10 of each line's probability and its tokens."""

TINY: Final = "tiny"
_DIGIT: Final = re.compile(r"\d")


@dataclass(frozen=True, kw_only=True)
class LanguageModel:
    """A model in a file.

    A file named *.npz is one of `stages.engines.train_ngram`, whose tokens are characters; any
    other is KenLM's, ARPA or binary. KenLM's tokens are the words between white space as they
    are written, or, with `pieces_path`, the pieces of a SentencePiece model, with every digit
    as "0": so were the models trained that CCNet (arXiv:1911.00359) and OBELICS
    (arXiv:2306.16527) use. A word that the model does not know is its `<unk>`. The end of a
    line is a token, its beginning is none.

    Attributes:
        path: of the model; "tiny" is a small one of English characters that comes along, good
            for trials.
        language: whose texts it judges, ISO 639-1; "" for any that no other model judges.
        pieces_path: of the SentencePiece model; "" for none.
    """

    path: str
    language: str = ""
    pieces_path: str = ""

    def check(self) -> None:
        """Look whether the files and the packages that read them are there.

        Raises:
            NotReadyError: when not; the message says how to get them.
        """
        for path in filter(None, (self.path, self.pieces_path)):
            if path != TINY and not Path(path).is_file():
                raise NotReadyError(
                    f"there is no language model {path!r}; name a KenLM file, or train one by "
                    f"python -m stages.engines.train_ngram --read TEXTS --out MODEL.npz"
                )
        if not self._is_ours:
            _check_package("kenlm")
        if self.pieces_path:
            _check_package("sentencepiece")

    def load(self) -> ScoreLines:
        """Read the model and return the function that scores lines."""
        self.check()
        if self._is_ours:
            return NgramModel.read(TINY_NGRAM if self.path == TINY else Path(self.path)).score
        return self._load_kenlm()

    @property
    def _is_ours(self) -> bool:
        return self.path == TINY or self.path.endswith(".npz")

    def _load_kenlm(self) -> ScoreLines:
        import kenlm  # type: ignore[import-not-found, unused-ignore]

        try:
            model = kenlm.Model(self.path)
        except OSError as error:
            raise NotReadyError(f"KenLM cannot read {self.path!r}: {error}") from error
        split = self._split()

        def score(
            data: npt.NDArray[np.uint8], lines: npt.NDArray[np.void]
        ) -> tuple[npt.NDArray[np.float64], Ints]:
            logs, tokens = np.zeros(len(lines)), np.zeros(len(lines), np.int64)
            raw = data.tobytes()
            places = zip(lines["start"].tolist(), lines["end"].tolist(), strict=True)
            for number, (start, end) in enumerate(places):
                words = split(raw[start:end].decode())
                logs[number] = model.score(" ".join(words), bos=True, eos=True)
                tokens[number] = len(words) + 1
            return logs, tokens

        return score

    def _split(self) -> Callable[[str], list[str]]:
        """Return the function that splits a line into tokens."""
        if not self.pieces_path:
            return str.split
        from sentencepiece import SentencePieceProcessor  # type: ignore[import-untyped, unused-ignore]

        pieces = SentencePieceProcessor(model_file=self.pieces_path)

        def split(line: str) -> list[str]:
            found: list[str] = pieces.encode(_DIGIT.sub("0", line), out_type=str)
            return found

        return split


def _check_package(name: str) -> None:
    if find_spec(name) is None:
        raise NotReadyError(f"the model needs the package {name}; pip install 'quern[kenlm]'")
