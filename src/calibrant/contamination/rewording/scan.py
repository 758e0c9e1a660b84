"""Which items could documents hold in other words? A pure function of documents."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.contamination.items import Item
from calibrant.contamination.rewording.documents import Document
from calibrant.contamination.rewording.embed import embed
from calibrant.contamination.rewording.features import Features, Question, View, features, passage
from calibrant.contamination.rewording.index import Index
from calibrant.contamination.rewording.passages import Window, windows
from calibrant.contamination.rewording.rule import Kind, is_template, kind_of, score
from calibrant.contamination.rewording.words import words

LEAST = 0.1
"""Least share of information of a candidate."""
EXCERPT = 2000
"""Characters of a passage that are kept."""
ANSWER = 80
"""Characters of the longest answer that is looked for."""


@dataclass(frozen=True)
class Candidate:
    """A passage that an item may stand in.

    Attributes:
        place: of the item, from 0.
        file, number: the document.
        start, end: the passage, in characters of the document.
        excerpt: its text, at most `EXCERPT` characters.
        score: 0–1, see `rule.score`.
        kind: see `rule.Kind`.
    """

    place: int
    file: str
    number: int
    start: int
    end: int
    excerpt: str
    score: float
    kind: Kind
    features: Features

    def rank(self) -> tuple[Any, ...]:
        """What candidates of one item are sorted by: sure ones first, then by score."""
        return (self.kind == "unclear", -self.score, self.file, self.number, self.start)


@dataclass(frozen=True)
class Scanned:
    """What came of a document, or of a piece of one.

    Attributes:
        score: the highest over items and windows, one template filled in twice left out.
        windows: in it.
        goes_on: whether it is a later piece of the document before.
        candidates: of each item the best passage, where it is more than unclear; and the best of
            all.
    """

    file: str
    number: int
    score: float
    windows: int
    goes_on: bool
    candidates: tuple[Candidate, ...]


class Scanner:
    """Looks for items in documents.

    Attributes:
        index: the items.
        most: candidates a window.
        threshold: see `rule.kind_of`.
    """

    def __init__(
        self, items: Sequence[Item], *, most: int = 4, threshold: float | None = None,
        embedder: Any = None,
    ) -> None:  # fmt: skip
        self.index = Index(items)
        self.most = most
        self.threshold = threshold
        self.embedder = embedder
        self.questions = [Question(self.index, i) for i in range(len(self.index.items))]
        self.answers = [_answer(i.answer) for i in self.index.items]
        self.vectors = (
            None if embedder is None else embed(embedder, [i.question for i in self.index.items])
        )

    def scan(self, documents: Sequence[Document]) -> list[Scanned]:
        """What came of documents, each alone: it does not depend on which come together."""
        cut = [list(windows(d.text, self.index.width)) for d in documents]
        flat = [(d, w) for d, found in zip(documents, cut, strict=True) for w in found]
        chosen = self.index.candidates([w.tokens for _, w in flat], self.most, LEAST)
        near = self._near(flat, chosen)
        out, first = [], 0
        for document, found in zip(documents, cut, strict=True):
            best: dict[int, Candidate] = {}
            for k, window in enumerate(found, first):
                view = View(self.index, window, document.text)
                for place in dict.fromkeys([*chosen[k].tolist(), *near[k]]):
                    candidate = self._pair(place, document, view, near[k].get(place))
                    before = best.get(place)
                    if before is None or candidate.rank() < before.rank():
                        best[place] = candidate
            first += len(found)
            out.append(self._scanned(document, len(found), best))
        return out

    def _near(
        self, flat: Sequence[tuple[Document, Window]], chosen: Sequence[NDArray[np.int64]]
    ) -> list[dict[int, float]]:
        """Cosines of each window with the items nearest by embedding, and with those chosen."""
        if self.vectors is None:
            return [{} for _ in flat]
        texts = [d.text[w.sentences[0].start : w.sentences[-1].end] for d, w in flat]
        out = []
        for row, some in zip(embed(self.embedder, texts), chosen, strict=True):
            cosines: NDArray[np.float64] = self.vectors @ row
            order = np.lexsort((np.arange(cosines.size), -cosines))[: self.most]
            out.append({int(i): float(cosines[i]) for i in [*some, *order]})
        return out

    def _pair(self, place: int, document: Document, view: View, cosine: float | None) -> Candidate:
        question = self.questions[place]
        run = passage(question, view)
        found = features(question, view.run(*run))
        if cosine is not None:
            found = replace(found, cosine=cosine)
        chosen = view.sentences[run[0] : run[1] + 1]
        start, end = chosen[0].start, chosen[-1].end
        return Candidate(
            place, document.file, document.number, document.start + start, document.start + end,
            document.text[start : min(end, start + EXCERPT)].strip(), score(found),
            kind_of(found, self.threshold), found,
        )  # fmt: skip

    def _scanned(self, document: Document, many: int, best: dict[int, Candidate]) -> Scanned:
        found = sorted(best.values(), key=Candidate.rank)
        called = [c.score for c in found if not is_template(c.features)]
        kept = [c for i, c in enumerate(found) if i == 0 or c.kind != "unclear"]
        return Scanned(
            document.file, document.number, max(called, default=0.0), many, document.goes_on,
            tuple(self._with_answer(c, document) for c in kept),
        )  # fmt: skip

    def _with_answer(self, c: Candidate, document: Document) -> Candidate:
        """Whether the answer stands within a window's width of the passage, outside of it."""
        answer = self.answers[c.place]
        if not answer:
            return c
        start, end, width = c.start - document.start, c.end - document.start, self.index.width
        around = document.text[max(start - width, 0) : start], document.text[end : end + width]
        there = any(_within(answer, words(part).tokens) for part in around)
        return replace(c, features=replace(c.features, answer=there))


@lru_cache(maxsize=100_000)
def _answer(text: str) -> tuple[str, ...]:
    """Tokens of an item's last answer; none if it is long, or of function words."""
    last = re.split(r"#{2,}", text)[-1].strip()
    return words(last).tokens if len(last) <= ANSWER else ()


def _within(part: tuple[str, ...], whole: tuple[str, ...]) -> bool:
    size = len(part)
    return any(whole[i : i + size] == part for i in range(len(whole) - size + 1))
