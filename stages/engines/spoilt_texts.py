"""Good texts made bad in the ways of the web, to teach `stages.engines.train_text_quality`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

PHRASES: Final = (
    "Accept all cookies",
    "We use cookies to improve your experience",
    "Manage preferences",
    "Sign in",
    "Log in or register to post a comment",
    "Forgot your password?",
    "Subscribe to our newsletter",
    "Enter your email address",
    "Share this article",
    "Tweet",
    "Pin it",
    "Share on Facebook",
    "Print this page",
    "Leave a reply",
    "Your email address will not be published",
    "Required fields are marked *",
    "Posted by admin",
    "0 comments",
    "Read more",
    "Continue reading",
    "Related posts",
    "You may also like",
    "Popular this week",
    "Previous",
    "Next",
    "Back to top",
    "Home",
    "About us",
    "Contact",
    "FAQ",
    "Careers",
    "Sitemap",
    "Privacy policy",
    "Terms of use",
    "All rights reserved",
    "Copyright © 2024",
    "Powered by WordPress",
    "Search",
    "Search results for:",
    "Filter by category",
    "Sort by: newest first",
    "Add to cart",
    "Add to wishlist",
    "Free shipping on orders over $50",
    "In stock",
    "Only 3 left!",
    "Buy now",
    "SALE! 50% OFF",
    "Price: $19.99",
    "View details",
    "Compare",
    "Customer reviews (12)",
    "Write a review",
    "Download our app",
    "Follow us on Instagram",
    "Watch the video",
    "Advertisement",
    "Sponsored content",
    "Skip to main content",
    "Toggle navigation",
    "Menu",
    "Close",
    "Loading...",
    "Please enable JavaScript to view this page",
    "Page 1 of 12",
    "Last updated: 03/11/2023 14:05",
    "Views: 1,204",
    "Tags: news, tips, ideas",
    "Select your language",
    "Get a free quote today",
    "Call now 555-0142",
    "Click here",
    "Join now and save",
    "Limited time offer",
)
"""What stands around the texts of the web."""

_WORD: Final = re.compile(r"[^\W\d_]+")


def shuffled(text: str, draw: Random, phrases: Sequence[str]) -> str:
    """Return the paragraphs with their words in any order."""
    return "\n\n".join(" ".join(_mixed(each.split(), draw)) for each in text.split("\n\n"))


def boilerplate(text: str, draw: Random, phrases: Sequence[str]) -> str:
    """Return what stands around texts, on lines of its own or between bars."""
    chosen = draw.choices(phrases, k=draw.randint(12, 40))
    return draw.choice(("\n", "\n\n", " | ", " ")).join(chosen)


def menu(text: str, draw: Random, phrases: Sequence[str]) -> str:
    """Return short lines of one to four of the words, in capitals as titles have them."""
    words = _words(text)
    lines = [draw.choices(words, k=draw.randint(1, 4)) for _ in range(draw.randint(12, 40))]
    titles = [" ".join(word.capitalize() for word in line) for line in lines]
    return draw.choice(("\n", " | ", " » ", "\n- ")).join(titles)


def keywords(text: str, draw: Random, phrases: Sequence[str]) -> str:
    """Return a few words over and over, as for search engines."""
    few = draw.choices(_words(text), k=4)
    pairs = [draw.sample((*few, "best", "cheap", "buy", "online", "free"), 3) for _ in range(40)]
    return draw.choice((", ", " ", "; ")).join(" ".join(pair) for pair in pairs)


def teasers(text: str, draw: Random, phrases: Sequence[str]) -> str:
    """Return the beginnings of sentences, each cut off."""
    sentences = re.split(r"(?<=[.!?])\s+", text)
    cut = [" ".join(each.split()[: draw.randint(4, 10)]) for each in sentences]
    end = draw.choice(("...", "…", " [...]", " Read more"))
    return "\n".join(each + end for each in cut)


def records(text: str, draw: Random, phrases: Sequence[str]) -> str:
    """Return rows of numbers, dates and names."""
    words = _words(text)

    def row() -> str:
        numbers = [str(draw.randint(0, 9999)), f"{draw.random() * 100:.2f}"]
        date = f"{draw.randint(1, 28):02}/{draw.randint(1, 12):02}/20{draw.randint(10, 24)}"
        cells = [*numbers, date, *(word.capitalize() for word in draw.choices(words, k=2))]
        return draw.choice((" ", " | ", "\t")).join(_mixed(cells, draw))

    return "\n".join(row() for _ in range(draw.randint(8, 25)))


def buried(text: str, draw: Random, phrases: Sequence[str]) -> str:
    """Return one paragraph of the text among much of what stands around it."""
    around = [draw.choice(phrases) for _ in range(draw.randint(25, 50))]
    around.insert(draw.randrange(len(around)), draw.choice(text.split("\n\n")))
    return "\n".join(around)


SPOIL: Final[tuple[Callable[[str, Random, Sequence[str]], str], ...]] = (
    shuffled,
    boilerplate,
    menu,
    keywords,
    teasers,
    records,
    buried,
)
"""Ways to make a text bad: text, draw and phrases to the bad text."""


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text) if len(word) > 3] or ["page"]


def _mixed(items: Sequence[str], draw: Random) -> list[str]:
    return draw.sample(items, len(items))
