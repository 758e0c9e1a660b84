"""What do batches of documents hold of the items? One pass, in memory that does not grow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from calibrant.contamination.corpora.batch import Batch
from calibrant.contamination.matching.align import align
from calibrant.contamination.matching.found import KINDS, Found, Place, first
from calibrant.contamination.matching.hits import Hits, compiled, engine_of
from calibrant.contamination.matching.index import Index
from calibrant.contamination.matching.places import Stretch, judged, reach, stretches
from calibrant.contamination.matching.runs import NO_RUNS, Runs, runs_of
from calibrant.errors import InputError

if TYPE_CHECKING:
    from calibrant.contamination.matching.judging import Verdicts

Ints = NDArray[np.int64]

_RUNS = 1 << 17
"""Runs of items that are looked at together."""


def scan_batches(index: Index, batches: Iterable[Batch], *, engine: str | None = None) -> Found:
    """What some documents hold of the items: a pure function of them.

    Args:
        index: the items.
        batches: of each document all parts, one after the other.
        engine: "compiled" (numba) or "vectors" (NumPy); by default the first that there is.

    Raises:
        InputError: if a batch goes on with a document that the batch before did not end with.
    """
    scanner = Scanner(index, engine=engine)
    for batch in batches:
        scanner.feed(batch)
    return scanner.finish()


class Scanner:
    """Takes batches one by one; `finish` says what they held."""

    def __init__(self, index: Index, *, engine: str | None = None) -> None:
        self._index = index
        self._engine = engine_of(index, engine)
        self._judge_of = None
        if engine != "vectors" and compiled() is not None:
            from calibrant.contamination.matching.judging import Judge

            self._judge_of = Judge(index)
        self._widths: dict[int, Ints] = {}
        self._bits: dict[int, NDArray[np.bool_]] = {}
        self._reach = reach(index, int(index.lengths.argmax()))
        width = index.rule.width
        seed = index.rule.anchor or index.rule.n[0]
        # Grams in a row that begin a place: fewer of a whole item that is shorter than that.
        self._seed = np.minimum(np.where(index.least > 0, index.least, seed), seed) - width + 1
        self._file, self._number, self._end = "", -1, 0
        self._going = False
        self._tail, self._hits, self._runs = b"", _NO_HITS, NO_RUNS
        self._exposed = False
        self._fragments: set[int] = set()
        self._told: set[int] = set()
        self._documents = self._bytes = self._exposures = 0
        self._matched: dict[tuple[int, int], int] = {}
        self._counts: dict[int, Counter[str]] = {}
        self._best: dict[int, float] = {}
        self._where: dict[int, tuple[Place, ...]] = {}
        self._in_documents: Counter[int] = Counter()

    def feed(self, batch: Batch) -> None:
        """Take a batch.

        Raises:
            InputError: if it goes on with a document that the batch before did not end with.
        """
        if not len(batch):
            return
        goes_on = batch.offset > 0
        if goes_on:
            now = (self._file, self._number, self._end)
            if not self._going or now != (batch.file, int(batch.numbers[0]), batch.offset):
                raise InputError(
                    f"{batch.file}: document {int(batch.numbers[0])} goes on at byte "
                    f"{batch.offset:,}, where no batch before it ended"
                )
        else:
            self._close()
        self._file = batch.file
        self._documents += len(batch) - goes_on
        self._bytes += int(batch.starts[-1] - batch.starts[0])
        last = len(batch) - 1
        done = 0
        for hits, text, at in self._engine.run(
            batch.data, batch.starts, base=batch.offset, resume=goes_on, final=False
        ):
            for some, to, upto in self._pieces(hits, text, at):
                done = self._take(batch, some, done, to, upto)
        size = int(batch.starts[-1] - batch.starts[last])
        before = self._tail if last == 0 else b""
        keep = 10 * self._reach
        part = batch.data[max(int(batch.starts[-1]) - keep, int(batch.starts[last])) :
                          int(batch.starts[-1])]  # fmt: skip
        self._tail = (before + part)[-keep:]
        self._end = size + (batch.offset if last == 0 else 0)
        self._number, self._going = int(batch.numbers[last]), True

    def finish(self) -> Found:
        """What all batches held."""
        self._close()
        for item, bits in self._bits.items():
            for n, row in zip(self._widths[item].tolist(), bits, strict=True):
                if row.any():
                    packed = np.packbits(row, bitorder="little").tobytes()
                    self._matched[n, item] = int.from_bytes(packed, "little")
        return Found(
            self._index.fingerprint, self._index.rule.places, self._documents, self._bytes,
            self._engine.words, self._engine.invalid, self._exposures,
            {k: self._matched[k] for k in sorted(self._matched)},
            {i: tuple(self._counts[i][k] for k in KINDS) for i in sorted(self._counts)},
            {i: self._best[i] for i in sorted(self._best)},
            {i: self._where[i] for i in sorted(self._where)},
            {g: self._in_documents[g] for g in sorted(self._in_documents)},
        )  # fmt: skip

    def _close(self) -> None:
        """The last document has ended."""
        if not self._going:
            return
        none = np.zeros(2, np.int64)
        for hits, _, _ in self._engine.run(b"", none, base=self._end, resume=True, final=True):
            self._number_open(0)
            self._runs = self._more(hits)
        self._judge(self._runs, self._number, None)
        self._end_document()
        self._going = False

    def _number_open(self, text: int) -> None:
        """The open document gets the number of its text in a batch."""
        self._hits = self._hits._replace(text=np.full(len(self._hits.text), text))
        self._runs = self._runs._replace(text=np.full(len(self._runs.text), text))

    def _more(self, hits: Hits) -> Runs:
        """The open runs with further hits, which also are lengthened by those kept."""
        kept = self._hits
        if not len(hits.text) and not len(self._runs.text):
            return self._runs
        both = Hits(*map(np.concatenate, zip(kept, hits, strict=True)))
        if self._judge_of is not None:
            return self._judge_of.runs(both, self._runs, len(kept.text))
        return runs_of(self._index, both, self._runs, len(kept.text))

    def _pieces(self, hits: Hits, text: int, at: int) -> Iterator[tuple[Hits, int, int]]:
        """Hits, some at a time, with the text and byte up to which they are complete: those of
        text that repeats itself, and is an item that does, begin very many runs."""
        if self._judge_of is not None:
            many = self._judge_of.most(hits)
        else:
            many = np.diff(self._index.sorted_starts)[hits.gram]
        total = np.cumsum(many)
        done = 0
        while done < len(total) and total[-1] - (total[done - 1] if done else 0) > _RUNS:
            before = int(total[done - 1]) if done else 0
            stop = max(int(np.searchsorted(total, before + _RUNS, side="right")), done + 1)
            if stop == len(total):
                break
            some = Hits(*(array[done:stop] for array in hits))
            yield some, int(hits.text[stop - 1]), int(hits.last[stop - 1])
            done = stop
        yield Hits(*(array[done:] for array in hits)), text, at

    def _take(self, batch: Batch, hits: Hits, open_text: int, text: int, at: int) -> int:
        """Judges what hits show, up to a byte of a text; returns the text that is open then."""
        if text >= len(batch):
            raise AssertionError("the last text of a batch is open")
        self._number_open(open_text)
        runs = self._more(hits)
        shown, begins = np.unique(runs.text, return_index=True)  # runs are sorted by text
        ends = np.append(begins, len(runs.text))[1 : len(shown) + 1]
        for t, low, high in zip(shown.tolist(), begins.tolist(), ends.tolist(), strict=True):
            if t == text:
                break
            if t > open_text:
                self._end_document()
                open_text = t
            some = runs.select(slice(low, high))
            self._judge(some, int(batch.numbers[t]), None, batch, t)
        if text > open_text:
            self._end_document()
        rest = runs.select(runs.text == text)
        self._runs = self._judge(rest, int(batch.numbers[text]), at, batch, text)
        longest = int(self._index.lengths.max())
        new = hits.text == text
        same = self._hits.text == text
        both = Hits(*(np.concatenate([a[same], b[new]])
                      for a, b in zip(self._hits, hits, strict=True)))  # fmt: skip
        recent = both.word >= both.word.max(initial=0) - longest
        self._hits = Hits(*(array[recent] for array in both))
        return text

    def _end_document(self) -> None:
        self._exposures += self._exposed
        self._in_documents.update(self._fragments - self._told)
        self._exposed, self._fragments, self._told = False, set(), set()
        self._tail, self._hits, self._runs = b"", _NO_HITS, NO_RUNS

    def _judge(
        self, runs: Runs, number: int, at: int | None, batch: Batch | None = None, text: int = 0
    ) -> Runs:
        """Judges places of one document; gives back the runs of those that may yet go on.

        Args:
            at: the byte up to which its hits are known; None if it has ended.
        """
        runs = self._relevant(runs) if at is None else runs
        if not len(runs.text):
            return runs
        order = np.lexsort((-runs.at, -runs.grams, runs.word, runs.item))
        runs = runs.select(order)
        if self._judge_of is not None:
            return self._judge_all(runs, number, at, self._reader(batch, text))
        width = self._index.rule.width
        rows = list(zip(runs.item.tolist(), range(len(order)), runs.at.tolist(),
                        (runs.grams + width - 1).tolist(), runs.word.tolist(),
                        runs.first.tolist(), runs.last.tolist(), strict=True))  # fmt: skip
        reader = self._reader(batch, text)
        kept = np.zeros(len(order), bool)
        for item, group in groupby(rows, key=lambda row: row[0]):
            some = [row[1:] for row in group]
            frontier = None if at is None else at - reach(self._index, item)
            open_from, stop = self._item(item, some, number, reader, frontier)
            if frontier is not None:
                for row in some:
                    kept[row[0]] = row[0] >= open_from or (row[-1] >= frontier and row[3] >= stop)
        return runs.select(kept)

    def _relevant(self, runs: Runs) -> Runs:
        """Runs of a document that has ended that may make a place."""
        runs = runs.select(runs.grams >= self._seed[runs.item])
        if self._judge_of is None or not len(runs.text):
            return runs
        return runs.select(self._judge_of.relevant(runs))

    def _judge_all(self, runs: Runs, number: int, at: int | None, reader: Any) -> Runs:
        """As `_judge`, compiled, for runs that are sorted."""
        assert self._judge_of is not None
        kept = np.zeros(len(runs.item), bool)
        edges = [0, *(np.flatnonzero(np.diff(runs.item)) + 1).tolist(), len(kept)]
        for low, high in pairwise(edges):
            item = int(runs.item[low])
            rows = np.arange(low, high)
            if at is not None:
                rows = rows[runs.grams[low:high] >= self._seed[item]]
            some = runs.select(rows)
            frontier = None if at is None else at - reach(self._index, item)
            if item not in self._bits:
                widths = np.array(sorted({*self._index.rule.n, int(self._index.least[item])}))
                self._widths[item] = widths
                self._bits[item] = np.zeros((len(widths), int(self._index.lengths[item])), bool)
            found = self._judge_of.item(
                item, some, frontier, self._widths[item], self._bits[item], reader
            )
            self._count_all(item, found, number, reader)
            if frontier is not None:
                # Runs too short for a place may yet grow.
                last, word = runs.last[low:high], runs.word[low:high]
                kept[low:high] = (last >= frontier) & (word >= found.stop)
                if found.open_run >= 0:
                    kept[rows[found.open_run] : high] = True
        return runs.select(kept)

    def _count_all(self, item: int, found: Verdicts, number: int, reader: Any) -> None:
        """Counts places of one item in a document."""
        kinds = np.bincount(found.kind, minlength=len(KINDS) + 1)[: len(KINDS)].tolist()
        if not any(kinds):
            return
        counts = self._counts.setdefault(item, Counter())
        counts.update(dict(zip(KINDS, kinds, strict=True)))
        share = float(found.share[found.kind < len(KINDS)].max())
        self._best[item] = max(self._best.get(item, 0.0), share)
        old = self._where.get(item, ())
        new = self._judge_of.places(item, found, self._file, number, reader, old)  # type: ignore[union-attr]
        self._where[item] = first((*old, *new), self._index.rule.places)
        if kinds[-1]:
            self._fragments |= found.grams(self._index, item, fragments=True)
        if any(kinds[:-1]):
            self._exposed = True
            self._told |= found.grams(self._index, item, fragments=False)

    def _item(
        self, item: int, rows: list[Any], number: int, reader: Any, frontier: int | None
    ) -> tuple[int, int]:
        """Counts places of one item in a document, all or those that end before a byte.

        Returns:
            The number of the first run that is of none of them, and the document's word at which
            the last of them ends.
        """
        index = self._index
        seed = int(self._seed[item]) + index.rule.width - 1
        rows = [row for row in rows if row[2] >= seed]
        for n in {*index.rule.n, int(index.least[item])}:
            bits = 0
            for _, at, words, *_ in rows:
                if words >= n:
                    bits |= ((1 << (words - n + 1)) - 1) << at
            if bits:
                self._matched[n, item] = self._matched.get((n, item), 0) | bits
        stop = 0
        for stretch in stretches(index, item, rows):
            if frontier is not None and stretch.end >= frontier:
                return stretch.number, stop
            stop = max(run[2] + run[1] for run in stretch.runs)
            place = judged(index, stretch, self._file, number, reader, align)
            if place is not None:
                self._count(stretch, place)
        return 1 << 62, stop

    def _count(self, stretch: Stretch, place: Place) -> None:
        item, index = stretch.item, self._index
        self._counts.setdefault(item, Counter())[place.kind] += 1
        self._best[item] = max(self._best.get(item, 0.0), place.share)
        self._where[item] = first((*self._where.get(item, ()), place), index.rule.places)
        start = int(index.starts[item])
        grams = {
            int(g)
            for at, words, *_ in stretch.runs
            for g in index.gram[start + at : start + at + words - index.rule.width + 1]
        }
        if place.fragment:
            self._fragments |= grams
        else:
            self._exposed = True
            self._told |= grams

    def _reader(self, batch: Batch | None, text: int) -> Any:
        """Gives bytes of the open document: of this batch, and what is kept of those before."""
        tail, tail_end = (self._tail, self._end) if self._going and text == 0 else (b"", 0)
        begin, end, base = 0, 0, tail_end
        if batch is not None:
            begin, end = int(batch.starts[text]), int(batch.starts[text + 1])
            base = batch.offset if text == 0 else 0

        def read(low: int, high: int) -> tuple[bytes, int]:
            low = max(low, base - len(tail), 0)
            parts = (
                tail[max(low - base + len(tail), 0) : max(high - base + len(tail), 0)]
                if low < base
                else b""
            )
            if batch is not None and high > base:
                parts += batch.data[begin + max(low - base, 0) : min(begin + high - base, end)]
            return parts, low

        return read


_NO_HITS = Hits(*(np.zeros(0, np.int64) for _ in Hits._fields))
