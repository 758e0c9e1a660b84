"""Do a question and a passage ask the same? What they share after a rewording, in numbers 0–1."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from calibrant.contamination.rewording.index import Index
from calibrant.contamination.rewording.passages import Window, joined
from calibrant.contamination.rewording.words import NUMBER, Words

_GAPS = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Features:
    """What a question and a passage share, each 0–1 (Dice: twice the shared over the sum).

    Attributes:
        content: information in shared tokens, numbers counting threefold.
        words: the same of words alone; None if neither has any.
        numbers: the same of numbers alone, as multisets of values; None if neither has any.
        names: shared names among all names; None if neither has any.
        order: longest common subsequence of tokens.
        grams: shared runs of four characters.
        surface: longest common subsequence of all words as written, numbers masked.
        length: words of the passage over words of the question; not a share.
        figures: distinct numbers of the text that has more of them.
        named: distinct names of both.
        answer: whether the item's answer stands in the window; None if it has none.
        cosine: of the sentence embeddings, if there is an embedder.
    """

    content: float
    words: float | None
    numbers: float | None
    names: float | None
    order: float
    grams: float
    surface: float
    length: float
    figures: int
    named: int
    answer: bool | None = None
    cosine: float | None = None

    def to_dict(self) -> dict[str, float | bool | None]:
        """As plain data."""
        return asdict(self)


class Question:
    """An item's question, ready to be compared many times."""

    def __init__(self, index: Index, place: int) -> None:
        self.index = index
        self.text = index.items[place].question
        self.words = index.words[place]
        self.total = float(index.totals[place])
        self.counts = Counter(self.words.tokens)
        self.sums = _sums(index, self.counts)
        self.figures = _figures(self.counts)

    @cached_property
    def grams(self) -> frozenset[str]:
        """Runs of four characters."""
        return grams_of(self.text)

    @cached_property
    def order(self) -> dict[str, int]:
        """Places of each token, as bits."""
        return places_of(self.words.tokens)

    @cached_property
    def surface(self) -> dict[str, int]:
        """Places of each word, as bits."""
        return places_of(self.words.plain)


class View:
    """A window of a text, ready to be compared with many questions."""

    def __init__(self, index: Index, window: Window, text: str) -> None:
        self.index, self.text = index, text
        self.sentences = window.sentences
        self.weights = [
            [(t, index.weight(t)) for t in s.words.tokens] for s in window.sentences
        ]  # fmt: skip
        own = [sum(w for _, w in found) for found in self.weights]
        self.to_own = np.concatenate([[0.0], np.cumsum(own)])
        self._runs: dict[tuple[int, int], Run] = {}

    def run(self, first: int, last: int) -> Run:
        """Sentences from the first to the last."""
        found = self._runs.get((first, last))
        if found is None:
            chosen = self.sentences[first : last + 1]
            text = self.text[chosen[0].start : chosen[-1].end]
            found = self._runs[first, last] = Run(self.index, joined(chosen), text)
        return found


class Run:
    """Consecutive sentences: their words, and what is computed of them once."""

    def __init__(self, index: Index, found: Words, text: str) -> None:
        self.words = found
        self.counts = Counter(found.tokens)
        self.sums = _sums(index, self.counts)
        self.figures = _figures(self.counts)
        self.grams = grams_of(text)


def passage(question: Question, view: View) -> tuple[int, int]:
    """The run of sentences of a window that shares most with a question: the first and the last."""
    many = len(view.sentences)
    if many == 1:
        return 0, 0
    counts = question.counts
    # Occurrences beyond those of the question count here, and not in the features.
    shared = [sum(w for t, w in found if t in counts) for found in view.weights]
    to_shared = np.concatenate([[0.0], np.cumsum(shared)])
    to_own = view.to_own
    dice = (to_shared[None, 1:] - to_shared[:-1, None]) / (
        question.total + to_own[None, 1:] - to_own[:-1, None] + 1e-12
    )
    first, last = divmod(int(np.argmax(np.where(_forward(many), dice, -1.0))), many)
    return first, last


@lru_cache(maxsize=64)
def _forward(many: int) -> NDArray[np.bool_]:
    return np.triu(np.ones((many, many), bool))


def features(question: Question, run: Run) -> Features:
    """What a question shares with consecutive sentences."""
    left, right = question.counts, run.counts
    weight = question.index.weight
    both = [0.0, 0.0]
    for token in left.keys() & right.keys():
        both[token[0] == NUMBER] += 2 * min(left[token], right[token]) * weight(token)
    sums = [a + b for a, b in zip(question.sums, run.sums, strict=True)]
    found = run.words
    names = question.words.names | found.names
    # A name at the head of a sentence is no less a name than the same within another.
    common = question.words.names & right.keys() | found.names & left.keys()
    return Features(
        content=_ratio(sum(both), sum(sums)) or 0.0,
        words=_ratio(both[False], sums[False]),
        numbers=_ratio(both[True], sums[True]),
        names=_ratio(len(common), len(names)),
        order=_sequence(question.order, question.words.tokens, found.tokens),
        grams=_dice(question.grams, run.grams),
        surface=_sequence(question.surface, question.words.plain, found.plain),
        length=len(found.plain) / max(len(question.words.plain), 1),
        figures=max(question.figures, run.figures),
        named=len(names),
    )


def _sums(index: Index, counts: Counter[str]) -> tuple[float, float]:
    """Information of words, and of numbers."""
    sums = [0.0, 0.0]
    for token, times in counts.items():
        sums[token[0] == NUMBER] += times * index.weight(token)
    return sums[0], sums[1]


def _figures(counts: Counter[str]) -> int:
    return sum(token[0] == NUMBER for token in counts)


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def _dice(left: frozenset[str], right: frozenset[str]) -> float:
    return 2 * len(left & right) / max(len(left) + len(right), 1)


def grams_of(text: str) -> frozenset[str]:
    """Runs of four characters of a text, casefolded, gaps as one blank."""
    text = _GAPS.sub(" ", text.casefold()).strip()
    return frozenset(map("".join, zip(text, text[1:], text[2:], text[3:], strict=False))) or (
        frozenset([text])
    )


def _sequence(places: dict[str, int], left: Sequence[str], right: Sequence[str]) -> float:
    return 2 * common_length(places, len(left), right) / max(len(left) + len(right), 1)


def places_of(tokens: Sequence[str]) -> dict[str, int]:
    """Of each token the places where it stands, as bits of a whole number."""
    places: dict[str, int] = {}
    for i, token in enumerate(tokens):
        places[token] = places.get(token, 0) | 1 << i
    return places


def common_length(places: dict[str, int], size: int, right: Sequence[str]) -> int:
    """Length of the longest common subsequence, by bits (Hyyrö, 2004).

    Args:
        places: `places_of` the left sequence, which has `size` tokens.
    """
    mask = (1 << size) - 1
    row = mask
    for token in right:
        hits = row & places.get(token, 0)
        row = (row + hits | row - hits) & mask
    return size - row.bit_count()
