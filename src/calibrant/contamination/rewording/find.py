"""Which items stand in a corpus in other words? The verb."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.contamination.corpora.batch import Batch
from calibrant.contamination.corpora.problems import Problem
from calibrant.contamination.corpora.read import At
from calibrant.contamination.items import Item, read_items
from calibrant.contamination.rewording.calibrate import Calibration, calibrate, documents_needed
from calibrant.contamination.rewording.crew import scanned
from calibrant.contamination.rewording.documents import Files, batches_of, documents, watched
from calibrant.contamination.rewording.embed import open_embedder
from calibrant.contamination.rewording.result import BINS, KINDS, Check, ItemFound, Paraphrases
from calibrant.contamination.rewording.scan import Candidate, Scanned, Scanner
from calibrant.errors import InputError
from calibrant.stats.estimates.intervals import clopper_pearson

Corpus = str | Path | Files | Sequence[str] | Iterable[Batch]
"""A path, files (see `Files`), texts, or batches of documents."""


def paraphrase(
    items: str | Sequence[Item], corpus: Corpus, *, clean: Corpus | None = None,
    check: Corpus | None = None, rate: float = 0.01, confidence: float | None = None,
    level: float = 0.95, embedder: Any = None, candidates: int = 4, keep: int = 10,
    workers: int = 1, progress: Callable[[At], None] | None = None,
) -> Paraphrases:  # fmt: skip
    """Find the items that stand in a corpus in other words.

    Args:
        items: as `read_items` takes them.
        corpus: texts, batches of documents, a path, or `Files` of several.
        clean: documents of the same kind as those of the corpus that hold no item for sure, such as
            of a time before the test was written; the threshold and its rate come from them.
        check: other clean documents, by which the rate is measured once more.
        rate: the most false positives per document.
        confidence: with which the rate holds; None if on average over sets of clean documents.
        level: of intervals.
        embedder: a sentence-embedding model: an object with `encode(list of texts)`, a function,
            or "module:function".
        candidates: items that each window is compared with.
        keep: candidates an item.
        workers: processes; the result does not depend on them. With an embedder there is one.
        progress: is called now and then with how far the reading of files is.

    Raises:
        InputError: if items or documents cannot be read, or the clean ones are too few for the
            rate.
        RunError: if a process dies.
    """
    for name, value in (("candidates", candidates), ("keep", keep), ("workers", workers)):
        if value < 1:
            raise InputError(f"{name}: wanted at least 1, got {value}")
    if check is not None and clean is None:
        raise InputError("check: takes clean documents to calibrate by, too")
    corpus = _opened(corpus)
    clean, check = (None if c is None else _opened(c) for c in (clean, check))
    if progress is not None:
        watched([c for c in (clean, check, corpus) if isinstance(c, Files)], progress)
    model = None if embedder is None else open_embedder(embedder)
    scanner = Scanner(read_items(items), most=candidates, embedder=model)
    crew = 1 if model is not None else workers
    notes: list[str] = []
    calibration = None
    if clean is not None:
        null = _Tally(scanner, 0).take(clean, crew, "clean")
        calibration = calibrate(null.all_scores(), rate, confidence=confidence, level=level)
        scanner.threshold = calibration.threshold
        notes += _clean_notes(null, calibration)
    else:
        notes.append(
            "no clean documents, so no rate of false positives is known and nothing is called a "
            f"paraphrase; a rate of {rate:g} a document takes {documents_needed(rate):,}"
        )
    checked = None
    if check is not None and calibration is not None:
        other = _Tally(scanner, 0).take(check, crew, "check").all_scores()
        above = int(np.count_nonzero(other > calibration.threshold))
        ends = clopper_pearson(above, other.size, level=level)
        checked = Check(other.size, above, ends.low, ends.high)
    found = _Tally(scanner, keep).take(corpus, crew, "corpus")
    notes += _corpus_notes(found, calibration)
    return Paraphrases(
        items=found.items(), documents=found.documents, windows=found.windows,
        counts={k: found.counts[k] for k in (*KINDS, "none")},
        calibration=calibration, check=checked,
        embedder=None if model is None else _name(embedder), notes=tuple(notes),
        scores=found.histogram,
    )  # fmt: skip


def _opened(corpus: Corpus) -> Corpus:
    return Files(corpus) if isinstance(corpus, str | Path) else corpus


def _name(embedder: Any) -> str:
    return embedder if isinstance(embedder, str) else type(embedder).__name__


def _clean_notes(null: _Tally, c: Calibration) -> list[str]:
    out = list(null.problems)
    if spoilt := null.counts["verbatim"]:
        out.append(
            f"{spoilt} clean documents hold an item word for word: they are not clean, and raise "
            "the threshold"
        )
    if c.threshold <= 0:
        out.append(
            "the threshold is 0, as too few clean documents have any candidate: they are hardly "
            "of the corpus's kind"
        )
    ten = documents_needed(1e-5, 0.95)
    if c.high > 1e-5:
        out.append(
            f"a claim of at most 10 false positives per million documents takes {ten:,} clean "
            f"documents with none above the threshold (rule of three); here are {c.documents:,}"
        )
    return out


def _corpus_notes(found: _Tally, c: Calibration | None) -> list[str]:
    out = list(found.problems)
    if c is not None:
        called = found.counts["paraphrase"]
        out.append(
            f"{called:,} documents are called paraphrases; of {found.documents:,} clean documents "
            f"of the same kind {c.measured * found.documents:,.1f} would be "
            f"({c.low * found.documents:,.1f} to {c.high * found.documents:,.1f})"
        )
    if silent := sum(not w.tokens for w in found.scanner.index.words):
        out.append(f"{silent} items have no words to look for: not scannable")
    return out


def _told(p: Problem) -> str:
    where = f" {p.where}" if p.where else ""
    more = f" (and {p.times - 1:,} more)" if p.times > 1 else ""
    return f"{p.file}{where}: {p.what}{more}"


class _Tally:
    """Counts what came of documents; what it holds does not grow with their number, but for
    scores where no candidates are kept: 8 bytes a document."""

    def __init__(self, scanner: Scanner, keep: int) -> None:
        self.scanner, self.keep = scanner, keep
        self.documents = self.windows = 0
        self.counts: Counter[str] = Counter()
        self.histogram: NDArray[np.int64] = np.zeros(BINS, np.int64)
        self.best: dict[int, list[Candidate]] = {}
        self.times: Counter[int] = Counter()
        self.scores: list[NDArray[np.float64]] = []
        self.problems: list[str] = []
        self._some: list[float] = []
        self._last: list[Scanned] = []

    def take(self, corpus: Corpus, workers: int, what: str) -> _Tally:
        """Counts all documents of a corpus."""
        given = batches_of(corpus)
        texts = documents(given, self.scanner.index.width)
        for one in scanned(self.scanner, texts, workers):
            if not one.goes_on:
                self._end()
            self._last.append(one)
        self._end()
        if isinstance(given, Files):
            self.problems = [f"{what}: {_told(p)}" for p in given.problems]
        if not self.documents:
            raise InputError(f"{what}: no documents{''.join(f'; {p}' for p in self.problems[:1])}")
        return self

    def all_scores(self) -> NDArray[np.float64]:
        """Shape (documents,): the score of each."""
        return np.concatenate([*self.scores, np.array(self._some)])

    def items(self) -> tuple[ItemFound, ...]:
        """Every item with its candidates."""
        out = []
        for place, item in enumerate(self.scanner.index.items):
            kept = tuple(self.best.get(place, ()))
            kind: str = kept[0].kind if kept else "not found"
            if not self.scanner.index.words[place].tokens:
                kind = "not scannable"
            out.append(ItemFound(item.id, kind, self.times[place], kept))
        return tuple(out)

    def _end(self) -> None:
        """Counts the last document, of one piece or several."""
        pieces, self._last = self._last, []
        if not pieces:
            return
        best: dict[int, Candidate] = {}
        for c in sorted((c for p in pieces for c in p.candidates), key=Candidate.rank):
            best.setdefault(c.place, c)
        score = max(p.score for p in pieces)
        self.documents += 1
        self.windows += sum(p.windows for p in pieces)
        self.counts[next(iter(best.values())).kind if best else "none"] += 1
        self.histogram[min(int(score * BINS), BINS - 1)] += 1
        if not self.keep:
            self._some.append(score)
            if len(self._some) == 1 << 16:
                self.scores.append(np.array(self._some))
                self._some = []
            return
        for place, c in best.items():
            self.times[place] += c.kind != "unclear"
            before = self.best.get(place, [])
            self.best[place] = heapq.nsmallest(self.keep, [*before, c], key=Candidate.rank)
