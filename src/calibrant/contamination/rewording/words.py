"""Which words of a text survive a rewording? Stems, numbers by value, names, in their order.

Numbers are taken by value however they are written ("1,200", "twelve hundred", "a dozen",
"twice", "half"), words by a light stem, and scripts that are written without spaces as pairs of
characters.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

NUMBER = "#"
"""What the tokens of numbers begin with, so that none is a word."""

_SMALL = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13,
    "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18,
    "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60,
    "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_LARGE = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_OTHER: dict[str, float] = {
    "once": 1, "single": 1, "twice": 2, "double": 2, "doubled": 2, "doubles": 2, "thrice": 3,
    "triple": 3, "tripled": 3, "triples": 3, "quadruple": 4, "dozen": 12, "dozens": 12,
    "half": 0.5, "halves": 0.5, "halved": 0.5, "quarter": 0.25, "quarters": 0.25,
    "third": 1 / 3, "thirds": 1 / 3, "pair": 2, "pairs": 2, "couple": 2,
}  # fmt: skip
_SPECIAL = frozenset([*_SMALL, *_LARGE, *_OTHER, "and"])

FUNCTION_WORDS = frozenset((
    "a", "about", "after", "all", "also", "an", "and", "any", "are", "as", "at", "be", "been",
    "before", "being", "between", "but", "by", "can", "could", "did", "do", "does", "doing",
    "each", "else", "every", "few", "for", "from", "had", "has", "have", "having", "he", "her",
    "hers", "him", "his", "how", "i", "if", "in", "into", "is", "it", "its", "just", "less",
    "many", "me", "might", "more", "most", "much", "must", "my", "no", "nor", "not", "of", "off",
    "on", "only", "or", "other", "our", "out", "over", "own", "per", "same", "she", "should",
    "so", "some", "such", "than", "that", "the", "their", "them", "then", "there", "these",
    "they", "this", "those", "through", "to", "too", "total", "under", "until", "up", "upon",
    "us", "very", "was", "we", "were", "what", "when", "where", "which", "while", "who", "whom",
    "whose", "why", "will", "with", "would", "you", "your",
))  # fmt: skip
"""English words that say how a sentence is built and not what it is about."""

_WORD = re.compile(
    r"(?P<number>\d[\d,]*(?:\.\d+)?(?:\s*/\s*\d+(?![\d./]))?)"
    r"|(?P<word>[^\W\d_]+(?:['’][^\W\d_]+)?)"
)
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0002fa1f]+"
)
_OPENS = re.compile(r"[.!?:\n\"“(]")


@dataclass(frozen=True)
class Words:
    """What of a text survives a rewording.

    Attributes:
        tokens: stems and numbers (which begin with "#") in their order, function words left out.
        plain: every word as it stands, casefolded, and every number as a lone "#".
        names: those of the tokens that are written as names: with a capital within a sentence.
    """

    tokens: tuple[str, ...]
    plain: tuple[str, ...]
    names: frozenset[str]


def words(text: str) -> Words:
    """The words of a text that survive a rewording."""
    return _Reader().read(unicodedata.normalize("NFKC", text).replace("\u2019", "'"))


class _Reader:
    """Reads a text from its begin to its end."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.plain: list[str] = []
        self.names: set[str] = set()
        self.pending: float | None = None  # of number words that follow each other: "twenty five"

    def read(self, text: str) -> Words:
        """The words of a text."""
        last, opening = 0, True
        for found in _WORD.finditer(text):
            start = found.start()
            # Most words follow one blank: nothing ends between them.
            if start != last + 1 or text[last] != " ":
                between = text[last:start]
                if between.strip(" -"):
                    self._end_number()
                    opening = opening or _OPENS.search(between) is not None
            last = found.end()
            if found.lastgroup == "number":
                self._end_number()
                self.pending = _value(found[0])
            else:
                self._word(found[0], opening)
            opening = False
        self._end_number()
        return Words(tuple(self.tokens), tuple(self.plain), frozenset(self.names))

    def _word(self, written: str, opening: bool) -> None:
        low = written.casefold()
        if low in _SPECIAL and self._part_of_number(low):
            return
        if self.pending is not None:
            self._end_number()
        if not low.isascii() and _UNSPACED.match(low):
            pairs = [low[i : i + 2] for i in range(max(len(low) - 1, 1))]
            self.tokens += pairs
            self.plain += pairs
            return
        self.plain.append(low)
        if low not in FUNCTION_WORDS:
            stem = stem_of(low)
            self.tokens.append(stem)
            if not opening and written[0].isupper():
                self.names.add(stem)

    def _part_of_number(self, low: str) -> bool:
        """Takes a word if it is a number, or a part of one."""
        if low in _SMALL or low in _LARGE:
            self._grow(low)
            return True
        if self.pending is not None and low.startswith("dozen"):
            self.pending *= 12
            self._end_number()
            return True
        if low == "and":
            return self.pending is not None and self.pending >= 100  # "two hundred and five"
        self._end_number()
        self.pending = _OTHER[low]
        self._end_number()
        return True

    def _grow(self, low: str) -> None:
        """A number gets one more number word: "twenty" + "five", "two" + "hundred"."""
        before = self.pending
        if low in _LARGE:
            large = _LARGE[low]
            if before is None:
                self.pending = float(large)
                return
            head = before // 1000 * 1000 if large == 100 and before >= 1000 else 0.0
            self.pending = head + (before - head) * large
            return
        small = float(_SMALL[low])
        if before is not None:
            room = 100 if before % 100 == 0 else 10
            if before >= 20 and before % room == 0 and small < room:
                self.pending = before + small
                return
            self._end_number()
        self.pending = small

    def _end_number(self) -> None:
        if self.pending is not None:
            value = f"{self.pending:.6g}"
            # Wordings come and go with 0 and 1 ("one of them", "a single"): no more than words.
            self.tokens.append(value if value in ("0", "1") else NUMBER + value)
            self.plain.append(NUMBER)
            self.pending = None


def _value(written: str) -> float:
    top, _, bottom = written.replace(",", "").partition("/")
    value = float(top)
    below = float(bottom) if bottom.strip() else 1.0
    return value / below if below else value


@lru_cache(maxsize=200_000)
def stem_of(word: str) -> str:
    """A light stem of a casefolded word: endings of English plurals, tenses and adverbs cut."""
    word = word.removesuffix("'s").replace("'", "")
    if len(word) <= 3 or not word.isascii():
        return word
    for ending, put in (("ies", "y"), ("sses", "ss"), ("ches", "ch"), ("shes", "sh"), ("xes", "x")):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word[: -len(ending)] + put
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ingly", "edly", "ing", "ed", "ly"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word
