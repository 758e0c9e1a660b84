"""What is looked for? The n-grams of all items in one table, the same in every worker."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.contamination.items import Item
from calibrant.contamination.matching.letters import Letters, letters
from calibrant.contamination.matching.words import Words, gram_hashes, split
from calibrant.errors import InputError

Ints = NDArray[np.int64]

_PIECE = 1 << 18
MOST_WORDS = 100_000
"""Of an item: what is longer is no item but a corpus."""


@dataclass(frozen=True)
class Rule:
    """What counts as what; see the page on matching.

    Attributes:
        n: widths of n-grams, in words, ascending; places are judged by the first.
        anchor: words in a row that make a place worth aligning; None to look for n-grams only.
        share: of a question, an answer or an item that stands in one place as n-grams, for the
            place to be an exposure.
        near: of the words of a question, an answer or an item that stand in one place in order,
            inserted words counted against it, for the place to be a near-verbatim exposure.
        shared: items of different text from which on an n-gram that all hold is boilerplate.
        whole: least words of an item shorter than n to be looked for as a whole; None for never.
        places: exposures of each item that are kept with file, place and excerpt.
    """

    n: tuple[int, ...] = (13,)
    anchor: int | None = 8
    share: float = 0.5
    near: float = 0.75
    shared: int = 10
    whole: int | None = None
    places: int = 5

    def __post_init__(self) -> None:
        if not self.n or min(self.n) < 1 or list(self.n) != sorted(set(self.n)):
            raise InputError(f"wanted widths of n-grams ≥ 1, ascending, got {self.n}")
        for name, low in (("anchor", 1), ("whole", 1), ("shared", 2), ("places", 0)):
            value = getattr(self, name)
            if value is not None and value < low:
                raise InputError(f"{name}: wanted a number ≥ {low}, got {value}")
        for name in ("share", "near"):
            if not 0 < getattr(self, name) <= 1:
                raise InputError(f"{name}: wanted a share in (0, 1], got {getattr(self, name)}")

    @property
    def width(self) -> int:
        """Words of the n-grams that are looked up; longer ones are runs of these."""
        return min(v for v in (self.n[0], self.anchor, self.whole) if v is not None)


@dataclass(frozen=True, eq=False)
class Index:
    """Items, ready to be looked for. It can be pickled, and is the same in every process.

    Attributes:
        ids: shape (items,).
        rule: what counts as what.
        letters: what letters are.
        code: folded code points of all items as shown (question, options, answer), plus 1, with
            one 0 after each word.
        word: shape (words + 1,), where each word begins in `code`.
        starts: shape (items + 1,), where the words of each begin.
        question, answer: shape (items, 2), the words of each, from the item's first.
        least: shape (items,), words in a row that count as an n-gram of the item; 0 if it cannot
            be scanned.
        gram: shape (words,), the distinct n-gram of `rule.width` words that begins at each, from
            0; −1 if none does.
        place: shape (grams,), a word at which each n-gram begins.
        sorted_words, sorted_starts: words by n-gram, and where those of each begin.
        held: shape (grams,), items of different text that hold each.
        table, value: open addressing: hash of an n-gram, and its number plus 1, 0 where empty.
        bitmap, vocabulary: which upper bits hashes of n-grams have, and hashes of words.
        duplicates: items with the words of an earlier one, which is named.
        fingerprint: two indexes with the same give the same results.
    """

    ids: tuple[str, ...]
    rule: Rule
    letters: Letters
    code: NDArray[np.uint32]
    word: NDArray[np.int32]
    starts: Ints
    question: Ints
    answer: Ints
    least: Ints
    gram: NDArray[np.int32]
    place: NDArray[np.int32]
    sorted_words: NDArray[np.int32]
    sorted_starts: NDArray[np.int32]
    held: NDArray[np.int32]
    table: NDArray[np.uint64]
    value: NDArray[np.int32]
    bitmap: NDArray[np.uint64]
    vocabulary: NDArray[np.uint64]
    duplicates: dict[str, str] = field(default_factory=dict)
    fingerprint: str = ""

    def __len__(self) -> int:
        return len(self.ids)

    def __getstate__(self) -> dict[str, Any]:
        """Without what is derived from the rest: tables of hashes are made anew elsewhere."""
        state = {f.name: getattr(self, f.name) for f in fields(self)}
        full = self.value > 0
        hashes = np.zeros(len(self.place), np.uint64)
        hashes[self.value[full] - 1] = self.table[full]
        small = np.uint16 if self.code.max(initial=0) < 1 << 16 else np.uint32
        return state | {"table": hashes, "value": None, "bitmap": None,
                        "code": self.code.astype(small),
                        "word": np.diff(self.word).astype(np.uint8),
                        "sorted_starts": np.diff(self.sorted_starts)}  # fmt: skip

    def __setstate__(self, state: dict[str, Any]) -> None:
        table, value = _table(state["table"])
        word, starts = (np.concatenate([[0], np.cumsum(state[k], dtype=np.int32)]).astype(np.int32)
                        for k in ("word", "sorted_starts"))  # fmt: skip
        self.__dict__.update(
            state | {"table": table, "value": value, "bitmap": _bitmap(state["table"]),
                     "code": state["code"].astype(np.uint32), "word": word, "sorted_starts": starts}
        )  # fmt: skip

    def __repr__(self) -> str:
        can = int(np.sum(self.least > 0))
        widths = ", ".join(map(str, self.rule.n))
        return (
            f"{len(self):,} items, {can:,} of which can be scanned for n-grams of {widths} words; "
            f"{len(self.place):,} n-grams of {self.rule.width}"
        )

    @cached_property
    def lengths(self) -> Ints:
        """Shape (items,): words of each item."""
        found: Ints = np.diff(self.starts)
        return found

    @cached_property
    def boilerplate(self) -> NDArray[np.bool_]:
        """Shape (grams,): whether so many items hold an n-gram that it says nothing."""
        found: NDArray[np.bool_] = self.held >= self.rule.shared
        return found

    def not_scannable(self) -> dict[str, str]:
        """Items that cannot be looked for, with the reason."""
        return {
            self.ids[i]: "empty" if not self.lengths[i] else f"{self.lengths[i]} words"
            for i in np.flatnonzero(self.least == 0)
        }

    def text(self, gram: int) -> str:
        """An n-gram, folded."""
        at = int(self.place[gram])
        return " ".join(self.words_from(at, at + self.rule.width))

    def words_from(self, first: int, stop: int) -> list[str]:
        """Words of items, folded, by their numbers."""
        return [
            "".join(chr(c - 1) for c in self.code[self.word[k] : self.word[k + 1] - 1].tolist())
            for k in range(first, stop)
        ]


def build_index(items: Sequence[Item], rule: Rule | None = None) -> Index:
    """The index of items.

    Args:
        items: what might stand in a corpus.
        rule: what counts as what.

    Raises:
        InputError: if no item has words enough, or one has more than `MOST_WORDS`.
    """
    rule = rule or Rule()
    table = letters()
    words, starts, question, answer = _shown(items, table)
    lengths = np.diff(starts)
    least = np.where(lengths >= rule.n[0], rule.n[0], 0)
    if rule.whole is not None:
        least = np.where((least == 0) & (lengths >= rule.whole), lengths, least)
    if not least.any():
        raise InputError(
            f"no item has {rule.n[0]} words; the longest has {lengths.max(initial=0)}: "
            "look for shorter n-grams, or for items as a whole"
        )
    if lengths.max() > MOST_WORDS:
        worst = items[int(lengths.argmax())].id
        raise InputError(f"item {worst!r} has {lengths.max():,} words; wanted ≤ {MOST_WORDS:,}")
    same = same_words(words)
    gram, place, hashes = _grams(words, starts, least, same, rule.width)
    duplicates, first = _duplicates(items, same, starts)
    held = np.flatnonzero(gram >= 0)
    order = held[np.argsort(gram[held], kind="stable")]
    item = np.searchsorted(starts, order, side="right") - 1
    pairs = _distinct(gram[order] * len(items) + first[item]) // len(items)
    slots, value = _table(hashes)
    index = Index(
        ids=tuple(i.id for i in items), rule=rule, letters=table, code=words.code,
        word=_short(np.append(words.start, len(words.code))), starts=starts, question=question,
        answer=answer, least=least, gram=_short(gram), place=_short(place),
        sorted_words=_short(order),
        sorted_starts=_short(np.searchsorted(gram[order], np.arange(len(place) + 1))),
        held=_short(np.bincount(pairs, minlength=len(place))), table=slots, value=value,
        bitmap=_bitmap(hashes), vocabulary=_bitmap(_distinct(words.hash)), duplicates=duplicates,
    )  # fmt: skip
    object.__setattr__(index, "fingerprint", _fingerprint(index))
    return index


def _distinct(numbers: NDArray[Any]) -> NDArray[Any]:
    """Each once, in order; several times faster for many than NumPy's own, which hashes them."""
    found = np.sort(numbers)
    return found[np.append(True, found[1:] != found[:-1])] if len(found) else found


def _short(numbers: Ints) -> NDArray[np.int32]:
    """Numbers of words and letters: of all items together they are fewer than 2³¹."""
    if len(numbers) and int(numbers.max()) >= 1 << 31:
        raise InputError("items of more than 2 billion letters in all are no items but a corpus")
    return numbers.astype(np.int32)


def _shown(items: Sequence[Item], table: Letters) -> tuple[Words, Ints, Ints, Ints]:
    """Words of all items; where each begins; the words of questions, and of answers."""
    parts = [
        text.encode("utf-8", "surrogatepass")
        for i in items for text in (i.question, "\n".join(i.choices), i.answer)
    ]  # fmt: skip
    words = _split_all(parts, table)
    counts = np.bincount(words.text, minlength=len(parts)).reshape(-1, 3)
    total = counts.sum(axis=1)
    starts = np.concatenate([[0], np.cumsum(total)]).astype(np.int64)
    none = np.zeros(len(items), np.int64)
    question = np.stack([none, counts[:, 0]], axis=1)
    return words, starts, question, np.stack([total - counts[:, 2], total], axis=1)


def _split_all(parts: list[bytes], table: Letters) -> Words:
    """The words of many texts, some at a time: it takes some hundred bytes of memory a byte."""
    some: list[Words] = []
    begin, size, texts, codes = 0, 0, 0, 0
    for k in range(len(parts) + 1):
        if k == len(parts) or (size and size + len(parts[k]) > _PIECE):
            lengths = [len(part) for part in parts[begin:k]]
            starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
            own = split(b"".join(parts[begin:k]), table, starts)
            shifted = replace(own, start=own.start + codes, stop=own.stop + codes,
                              text=own.text + texts)  # fmt: skip
            some.append(shifted)
            begin, size, texts, codes = k, 0, k, codes + len(own.code)
        size += len(parts[k]) if k < len(parts) else 0
    arrays = {
        f.name: np.concatenate([getattr(w, f.name) for w in some])
        for f in fields(Words) if f.name != "invalid"
    }  # fmt: skip
    return Words(**arrays, invalid=sum(w.invalid for w in some))


def same_words(words: Words) -> Ints:
    """Shape (words,): equal numbers for equal words, whatever their hashes."""
    known: dict[bytes, int] = {}
    code = words.code.tobytes()
    return np.array(
        [
            known.setdefault(code[4 * a : 4 * b], len(known))
            for a, b in zip(words.start.tolist(), words.stop.tolist(), strict=True)
        ],
        np.int64,
    )


def _grams(
    words: Words, starts: Ints, least: Ints, same: Ints, n: int
) -> tuple[Ints, Ints, NDArray[np.uint64]]:
    """The distinct n-gram at each word, a word at which each begins, and the hash of each."""
    item = np.repeat(np.arange(len(least)), np.diff(starts))
    at = np.arange(len(words))
    begins = np.flatnonzero((at + n <= starts[item + 1]) & (least[item] > 0))
    hashes = gram_hashes(words.hash, n)[begins]
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    # In order of the first place, and apart where words differ although hashes agree.
    rank = np.argsort(np.argsort(first))
    number = rank[inverse]
    place = begins[np.sort(first)]
    unequal = np.zeros(len(begins), bool)
    for k in range(n):
        unequal |= same[begins + k] != same[place[number] + k]
    extra: dict[tuple[int, ...], int] = {}
    places = place.tolist()
    for where in np.flatnonzero(unequal):
        content = tuple(same[begins[where] : begins[where] + n].tolist())
        if content not in extra:
            extra[content] = len(places)
            places.append(int(begins[where]))
        number[where] = extra[content]
    gram = np.full(len(words), -1, np.int64)
    gram[begins] = number
    place = np.array(places, np.int64)
    return gram, place, gram_hashes(words.hash, n)[place]


def _duplicates(items: Sequence[Item], same: Ints, starts: Ints) -> tuple[dict[str, str], Ints]:
    """Items with the words of an earlier one; and of each item the first with its words."""
    known: dict[bytes, int] = {}
    first = np.array(
        [known.setdefault(same[a:b].tobytes(), i) for i, (a, b) in enumerate(pairwise(starts))],
        np.int64,
    )
    named = {
        items[i].id: items[int(k)].id
        for i, k in enumerate(first)
        if k != i and starts[i + 1] > starts[i]
    }
    return named, first


def _table(hashes: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    """A table with at most half its slots taken."""
    bits = max(int(2 * len(hashes)).bit_length(), 4)
    slots, value = np.zeros(1 << bits, np.uint64), np.zeros(1 << bits, np.int32)
    slot = (hashes & np.uint64((1 << bits) - 1)).astype(np.int64)
    todo = np.arange(len(hashes))
    while len(todo):  # each round places those that come first to a free slot
        free = value[slot[todo]] == 0
        _, chosen = np.unique(np.where(free, slot[todo], -1), return_index=True)
        chosen = chosen[free[chosen]]
        value[slot[todo[chosen]]] = todo[chosen] + 1
        slots[slot[todo[chosen]]] = hashes[todo[chosen]]
        todo = np.delete(todo, chosen)
        slot[todo] = (slot[todo] + (value[slot[todo]] != 0)) & ((1 << bits) - 1)
    return slots, value


def _bitmap(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One bit of every 16 to 32 is set, for each hash the one that its upper bits number."""
    bits = min(max(int(16 * len(hashes)).bit_length(), 8), 26)
    bit = hashes >> np.uint64(64 - bits)
    bitmap = np.zeros(1 << (bits - 6), np.uint64)
    np.bitwise_or.at(bitmap, (bit >> np.uint64(6)).astype(np.int64),
                     np.uint64(1) << (bit & np.uint64(63)))  # fmt: skip
    return bitmap


def _fingerprint(index: Index) -> str:
    found = hashlib.sha256(repr((index.ids, index.rule, index.letters.version)).encode())
    for array in (index.code, index.starts, index.question, index.answer):
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]
