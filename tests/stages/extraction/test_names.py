import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.extraction import gather, naming, vocabulary
from stages.extraction.gather import DROPPED, GLYPH, ICON, TEX_NAME
from stages.extraction.kinds import KINDS
from stages.extraction.markup import fnv
from stages.extraction.names import (
    Names,
    classify,
    said_of_picture,
    what_names_say,
)
from stages.extraction.records import TAG
from stages.extraction.vocabulary import (
    AD,
    CAPTION,
    COMMENT,
    FOOT,
    HIDDEN,
    LEAD,
    META,
    NAV,
    RELATED,
    SHARE,
    SIDE,
)


@pytest.mark.parametrize(
    ("name", "tier"),
    [
        ("article-body", 5),
        ("articleBody", 5),
        ("articlebody", 5),
        ("td-post-content", 5),
        ("entry_content", 5),
        ("story__text", 5),
        ("artikel-inhalt", 5),
        ("texte-article", 5),
        ("contenido-noticia", 5),
        ("zhengwen", 5),
        ("article", 4),
        ("post", 4),
        ("hentry", 4),
        ("main-content", 3),
        ("markdown-body", 3),
        ("richtext", 3),
        ("content", 2),
        ("post-title", 0),
        ("article-image", 0),
        ("xyzzy", 0),
        ("", 0),
    ],
)
def test_names_tell_how_likely_they_frame_the_text(name, tier):
    assert classify(name) == Names(tier, 0, 0)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("navbar", NAV),
        ("nav-header", NAV),
        ("navheader", NAV),
        ("site-header", NAV),
        ("breadcrumbs", NAV),
        ("sidebar", SIDE),
        ("side-bar", SIDE),
        ("sidebarRight", SIDE),
        ("page-footer", FOOT),
        ("advertisement", AD),
        ("werbung", AD),
        ("share-buttons", SHARE),
        ("c-article__share", SHARE),
        ("relatedArticles", RELATED),
        ("lesen-mehr", RELATED),
        ("article-teaser", RELATED),
        ("comment-content", COMMENT),
        ("kommentare", COMMENT),
        ("mw-editsection", META),
        ("sr-only", HIDDEN),
    ],
)
def test_names_tell_boilerplate(name, kind):
    assert classify(name).junk == kind


@pytest.mark.parametrize(
    "name",
    [
        "has-sidebar",
        "no-ads",
        "category-advertising",
        "tag-social",
        "o-section--has-ads",
        "modal-enabled",
        "above-footer",
        "elementor-widget-text",
        "md:hidden",
        "overflow-hidden",
        "footnotes",
        "references",
        "thead",
        "header",
    ],
)
def test_names_that_only_sound_like_boilerplate(name):
    assert classify(name).junk == 0


def test_a_post_of_a_junk_category_is_no_junk():
    assert classify("post-7 hentry category-sponsored promo").junk == 0


def test_an_article_with_a_share_token_is_an_article():
    assert classify("entry share") == Names(4, 0, 0)


def test_an_article_that_is_a_comment_is_a_comment():
    assert classify("post comment").junk == COMMENT


def test_what_is_hidden_on_phones_alone_is_not_hidden():
    assert classify("hidden md:block").junk == 0
    assert classify("hidden").junk == HIDDEN


def test_captions_and_standfirsts_are_hinted_at():
    assert classify("wp-caption-text").hints == CAPTION
    assert classify("article__lead").hints == LEAD
    assert classify("teaser-text") == Names(0, 0, LEAD)


def test_roles_and_item_properties_speak_too():
    tags = np.zeros(4, TAG)
    tags["role"] = [fnv("main"), 0, fnv("navigation"), fnv("button")]
    tags["property"] = [0, fnv("articlebody"), fnv("text"), 0]
    assert what_names_say(np.zeros(0, np.uint8), tags).tolist() == [3, 6, NAV | 5, 0]


def test_what_a_picture_is_called_is_remembered():
    data = np.frombuffer(b"avatar", np.uint8)
    tags = np.zeros(2, TAG)
    tags["tag"], tags["names"], tags["class_end"] = KINDS.names.index("img"), fnv("avatar"), 6
    for _ in range(2):
        assert what_names_say(data, tags).tolist() == [ICON, ICON]


def test_phrases_that_are_no_part_of_the_text_are_known_by_their_class():
    data = np.frombuffer(b"x reference references x", np.uint8)
    tags = np.zeros(2, TAG)
    tags["tag"], tags["names"] = KINDS.names.index("span"), 1
    tags["class_at"], tags["class_end"] = [0, 12], [11, 24]
    assert what_names_say(data, tags).tolist() == [DROPPED, 0]


def test_pictures_that_are_none_are_known_by_their_class():
    assert said_of_picture("avatar avatar-96") == ICON
    assert said_of_picture("wp-smiley") == GLYPH
    assert said_of_picture("mwe-math-fallback-image-inline latex") == TEX_NAME
    assert said_of_picture("wp-image-12") == 0


@given(st.text(max_size=500))
def test_any_name_is_classified(name):
    assert 0 <= classify(name).tier <= 5


def test_bits_in_compiled_code_are_those_of_the_vocabulary():
    names = "NOUN BODY PROSE MAIN PART LEAD CAPTION NAV RELATED META HIDDEN MORE SITE HEADER RICH"
    for name in [*names.split(), "TEASER", "KEPT", "JUNK"]:
        assert getattr(naming, name) == getattr(vocabulary, name), name
    assert naming.DROPPED == DROPPED
    assert naming.STRONG_JUNK == COMMENT | RELATED | FOOT
    assert (gather.JUNK, gather.HIDDEN_NAME) == (vocabulary.JUNK, HIDDEN)
    assert (gather.HINTS, gather.CAPTION_NAME) == (LEAD | CAPTION, CAPTION)
    assert max(map(len, vocabulary.STATE_PAIRS)) == naming.LONGEST_PAIR
