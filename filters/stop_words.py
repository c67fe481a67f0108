"""Drop texts with few stop words, such as lists of keywords and goods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from stages.stage import Batch, Filter, Level, Limit, ScoreFn, Scores
from stages.tokens import core_hashes
from stages.word_lists import in_language, word_share

_ARTICLES: Final = "a an the this that these those each every either neither both all any some no"
_PRONOUNS: Final = (
    "i me my mine myself you your yours yourself yourselves he him his himself she her hers"
    " herself it its itself we us our ours ourselves they them their theirs themselves one ones"
    " who whom whose which what whoever whatever anyone anything everyone everything someone"
    " something nobody nothing none other others another such same own"
)
_VERBS: Final = (
    "be am is are was were been being have has had having do does did doing done can cannot could"
    " may might must shall should will would ought"
)
_PREPOSITIONS: Final = (
    "about above across after against along among around as at before behind below beneath beside"
    " besides between beyond by despite down during except for from in inside into like near of"
    " off on onto out outside over past per since than through throughout till to toward towards"
    " under until up upon via with within without"
)
_CONJUNCTIONS: Final = (
    "and but or nor so yet if unless because although though while whereas whether when whenever"
    " where wherever why how once"
)
_ADVERBS: Final = (
    "not never also too very just only even still again already always often ever here there then"
    " now thus therefore however more most less least much many few fewer several enough quite"
    " rather almost perhaps instead"
)
_CONTRACTIONS: Final = (
    "i'm i've i'd i'll you're you've you'd you'll he's he'd he'll she's she'd she'll it's it'd"
    " it'll we're we've we'd we'll they're they've they'd they'll that's there's here's what's"
    " who's let's isn't aren't wasn't weren't haven't hasn't hadn't don't doesn't didn't can't"
    " couldn't mustn't shouldn't won't wouldn't"
)
_ENGLISH: Final = tuple(
    " ".join(
        (
            *(_ARTICLES, _PRONOUNS, _VERBS, _PREPOSITIONS, _CONJUNCTIONS, _ADVERBS),
            *(_CONTRACTIONS, _CONTRACTIONS.replace("'", "’")),
        )
    ).split()
)


@dataclass(frozen=True, kw_only=True)
class StopWords(Filter):
    """Drop texts too few of whose words are stop words, the glue of sentences.

    The English list is Quern's: articles, pronouns, auxiliary verbs, prepositions, conjunctions,
    common adverbs, and their contractions with a straight or a curly apostrophe. The bounds are
    those of OBELICS, whose list is another: of 99 English news pages, median 0.43, the bound of
    documents drops 14, most of them recipes, lists, code and references.

    Abstains in rows tagged with another language than the list's ("lang:de", as
    `stages.tag_language` writes it), in texts most of whose words belong to scripts without
    spaces (Chinese, Japanese, Thai, ...), and in texts without words.

    Reads: messages, tags.
    Writes: score stop_word_share in [0, 1], of all words.
    Source: Laurençon et al. 2023 (OBELICS), arXiv:2306.16527, appendix A.

    Attributes:
        over: whole documents or their text parts.
        min_share: of all words; OBELICS wants 0.35 of documents and 0.3 of paragraphs.
        stop_words: single words in lower case.
        language: of the stop words, ISO 639-1.
    """

    reads: ClassVar[tuple[str, ...]] = ("messages", "tags")
    source: ClassVar[str] = "Laurençon et al. 2023, arXiv:2306.16527, appendix A"
    levels: ClassVar[tuple[Level, ...]] = ("sample", "text")
    min_share: float = 0.35
    stop_words: tuple[str, ...] = _ENGLISH
    language: str = "en"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.stop_words:
            raise ValueError("stop_words is empty, so every text would be dropped; list some")
        core_hashes(self.stop_words)

    def limits(self) -> tuple[Limit, ...]:
        """Return the lower bound of the share."""
        return (Limit(score="stop_word_share", min=self.min_share),)

    def build(self) -> ScoreFn:
        """Hash the stop words and return the function that gives the share."""
        cores = core_hashes(self.stop_words)

        def score(batch: Batch) -> Scores:
            tokens, over = batch.tokens(), self.over
            judged = in_language(batch, self.language, over) & ~tokens.unspaced(over)
            shares = word_share(tokens, cores, over)
            return {"stop_word_share": np.where(judged, shares, np.float32(np.nan))}

        return score
