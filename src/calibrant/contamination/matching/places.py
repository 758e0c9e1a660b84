"""Is it an exposure? Stretches of an item that stand together, judged as one place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.contamination.matching.align import aligned
from calibrant.contamination.matching.found import Kind, Place
from calibrant.contamination.matching.index import Index
from calibrant.contamination.matching.words import split

WORD_BYTES = 24
"""Bytes that a word and what follows it are taken to need at most, on average over an item."""
ABSENT = "\0"
EXCERPT = 240
"""Bytes of a document that are shown at most."""
ANCHORED = 0.25
"""Of the words of some part of an item, how many must stand in runs for the place to be aligned."""

Bools = NDArray[np.bool_]

Reader = Callable[[int, int], tuple[bytes, int]]
"""Gives bytes of a document from one place to another, as far as there are, and where they begin.
"""


@dataclass
class Stretch:
    """Runs of one item in one place of a document, in the document's order.

    Attributes:
        number: of its first run.
        runs: (word of the item, words, word of the document, first byte, last byte) of each.
    """

    item: int
    number: int
    runs: list[tuple[int, int, int, int, int]]

    @property
    def byte(self) -> int:
        return self.runs[0][3]

    @property
    def end(self) -> int:
        return max(run[4] for run in self.runs)


def reach(index: Index, item: int) -> int:
    """Bytes within which stretches of an item belong to one place, and words beside it are read."""
    return WORD_BYTES * max(int(index.lengths[item]), 32)


def stretches(
    index: Index, item: int, runs: list[tuple[int, int, int, int, int, int]]
) -> Iterator[Stretch]:
    """Places of an item in one document: stretches that follow each other as in the item.

    Args:
        runs: number, and as in `Stretch`; sorted by document word, then longer ones first.
    """
    far = reach(index, item)
    width = index.rule.width
    now: Stretch | None = None
    stop = own = end = 0
    for number, *run in runs:
        at, words, word, byte, last = run
        if now is not None and word + words <= stop:
            continue  # the same words of the document again, as an item may repeat itself
        # What is left of it after the words that the place has already; it has to lead further
        # in the item, give or take words that chance makes agree with both sides of a change.
        ahead = at + max(stop - word, 0)
        goes_on = (
            now is not None and ahead >= own - width and at + words > own
            and byte - end <= far and last - now.byte <= 4 * far
        )  # fmt: skip
        if not goes_on and word < stop:
            continue  # it overlaps with the place before, as an item may resemble itself
        if now is None or not goes_on:
            if now is not None:
                yield now
            now = Stretch(item, number, [])
        now.runs.append((at, words, word, byte, last))
        stop, own, end = word + words, at + words, last
    if now is not None:
        yield now


def parts_of(index: Index, item: int) -> list[tuple[str, int, int]]:
    """The parts of an item that can be judged: names, first words, ends."""
    n, length = int(index.least[item]), int(index.lengths[item])
    (q0, q1), (a0, a1) = index.question[item].tolist(), index.answer[item].tolist()
    parts = [("item", 0, length)]
    parts += [("question", q0, q1)] if n <= q1 - q0 < length else []
    return parts + ([("answer", a0, a1)] if n <= a1 - a0 < length else [])


def judged(index: Index, stretch: Stretch, file: str, document: int, read: Reader, run: Any) -> (
    Place | None
):  # fmt: skip
    """What stands in a place; None if it holds neither an n-gram nor something near the item.

    Args:
        read: gives text of the document.
        run: `align.align`, compiled or not.
    """
    item, rule = stretch.item, index.rule
    n, parts = int(index.least[item]), parts_of(index, item)
    long = [r for r in stretch.runs if r[1] >= n]
    best: tuple[Kind, str, float] | None = None
    changes = (0, 0, 0, 0)
    for name, low, high in parts:
        whole = any(r[0] <= low and r[0] + r[1] >= high for r in long)
        if whole and telling(index, item, low, high):
            best = ("verbatim", name, 1.0)
            break
    if best is not None and best[1] == "item":
        words = int(index.lengths[item])
    else:
        standing = _covered(index, item, stretch.runs)
        words = int(standing.sum())
        # Beside a question or an answer word for word: is the rest of the item there, changed?
        some = parts if best is None else parts[:1]
        anchored = any(standing[a:b].sum() >= ANCHORED * (b - a) for _, a, b in some)
        if rule.anchor is not None and anchored:
            near = _near(index, stretch, some, read, run)
            if near is not None:
                best, changes, words = best or near[0], *near[1:]
    if best is None and long:
        covered, own = _covered(index, item, long), own_words(index, item)
        shares = [(_share(covered[a:b], own[a:b]), name) for name, a, b in parts]
        share, name = max(shares, key=lambda pair: pair[0])
        best = ("part" if share >= rule.share else "fragment", name, share)
    if best is None:
        return None
    kind, name, share = best
    return Place(
        kind == "fragment", file, document, stretch.byte, stretch.end, kind, name, share, words,
        *changes, excerpt=excerpt_of(read, stretch.byte, stretch.end),
    )  # fmt: skip


def telling(index: Index, item: int, low: int, high: int) -> bool:
    """Whether some n-gram between two words of an item is no boilerplate."""
    start = int(index.starts[item])
    grams = index.gram[start + low : start + high - index.rule.width + 1]
    return not bool(index.boilerplate[grams].all())


def _covered(index: Index, item: int, runs: list[tuple[int, int, int, int, int]]) -> Bools:
    """Which words of an item stand in runs."""
    covered = np.zeros(int(index.lengths[item]), bool)
    for at, words, *_ in runs:
        covered[at : at + words] = True
    return covered


def own_words(index: Index, item: int) -> Bools:
    """Which words of an item stand in no boilerplate."""
    own = np.ones(int(index.lengths[item]), bool)
    start, stop = int(index.starts[item]), int(index.starts[item + 1])
    grams = index.gram[start:stop]
    for k in np.flatnonzero(index.boilerplate[grams] & (grams >= 0)):
        own[k : k + index.rule.width] = False
    return own


def _share(words: Bools, own: Bools) -> float:
    """The share of an item's own words that are among some; 0 if it has none."""
    return float(words[own].mean()) if own.any() else 0.0


def _near(
    index: Index, stretch: Stretch, parts: list[tuple[str, int, int]], read: Reader, run: Any
) -> tuple[tuple[Kind, str, float], tuple[int, int, int, int], int] | None:
    """The part that stands there nearly word for word, its changes, and words in order."""
    item = stretch.item
    start, length = int(index.starts[item]), int(index.lengths[item])
    own = index.words_from(start, start + length)
    slack = slack_of(length)
    text = _beside(index, stretch, length, slack, read)
    partner, before = aligned(own, text, slack, run)
    partner = np.array([p if p >= 0 and text[p] != ABSENT else -1 for p in partner.tolist()])
    same = np.array([p >= 0 and own[k] == text[p] for k, p in enumerate(partner.tolist())])
    digit = np.array([_number(word) for word in own])
    telling = own_words(index, item)
    found: list[tuple[float, int, Kind, str, tuple[int, int, int, int]]] = []
    for order, (name, low, high) in enumerate(parts):
        kept = np.flatnonzero(same[low:high]) + low
        if not len(kept):
            continue
        replaced = (partner[low:high] >= 0) & ~same[low:high]
        deleted = partner[low:high] < 0
        inserted = int(before[low + 1 : high].sum())
        put_in = _put_in(partner, before, low, high, text)
        swapped = [
            digit[low + k] and _number(text[int(partner[low + k])])
            for k in np.flatnonzero(replaced)
        ]
        other = sum(not s for s in swapped) + int((deleted & ~digit[low:high]).sum())
        other += sum(not _number(word) for word in put_in)
        changed = int(replaced.sum() + deleted.sum()) + inserted
        numbers = changed - other
        share = len(kept) / (high - low + inserted)
        n = int(index.least[item])
        if other == 0 and numbers and len(kept) + int(digit[low:high].sum()) >= n:
            found.append((1.0, -order, "numbers", name, (
                int(replaced.sum()), int(deleted.sum()), inserted, numbers)))  # fmt: skip
        elif min(share, _share(same[low:high], telling[low:high])) >= index.rule.near and len(
            kept
        ) >= min(n, high - low - 1):
            found.append((share, -order, "near", name, (
                int(replaced.sum()), int(deleted.sum()), inserted, numbers)))  # fmt: skip
    if not found:
        return None
    share, _, kind, name, changes = max(found)
    if kind == "numbers":
        low, high = next((a, b) for part, a, b in parts if part == name)
        share = float(same[low:high].sum()) / (high - low + changes[2])
    return (kind, name, share), changes, int(same.sum())


def _put_in(partner: Any, before: Any, low: int, high: int, text: list[str]) -> list[str]:
    """Words of the text that were put in between those of a part."""
    found: list[str] = []
    for k in np.flatnonzero(before[low + 1 : high]) + low + 1:
        used = [int(p) for p in partner[:k] if p >= 0]
        at = (used[-1] if used else -1) + 1
        found += text[at : at + int(before[k])]
    return found


def _number(word: str) -> bool:
    return any(c.isdigit() for c in word)


def _beside(index: Index, stretch: Stretch, length: int, slack: int, read: Reader) -> list[str]:
    """Words of the document, so that word k of the item is at about k + slack."""
    at, _, _, byte, _ = stretch.runs[0]
    far = reach(index, stretch.item)
    data, zero = read(byte - far, stretch.end + far)
    words = split(data, index.letters)
    place = int(np.searchsorted(words.first, byte - zero))
    low = place - at - slack
    whole = [words.word(k) for k in range(max(low, 0), min(len(words), low + length + 2 * slack))]
    # Nothing equals these: the document, or what was read of it, begins later or ends before.
    front = [ABSENT] * min(max(-low, 0), length + 2 * slack)
    return front + whole + [ABSENT] * (length + 2 * slack - len(front) - len(whole))


def excerpt_of(read: Reader, byte: int, end: int) -> str:
    """What a document says in a place, shortened."""
    data, _ = read(byte, min(end, byte + EXCERPT))
    text = data.decode("utf-8", "ignore").replace("\0", " ")
    return text + ("…" if end > byte + EXCERPT else "")


def slack_of(length: int) -> int:
    """Words by which an item of a length may be shifted in a place when it is aligned."""
    return min(max(16, length // 4), 256)
