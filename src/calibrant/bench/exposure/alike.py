"""How much of a text stands in an answer? Words in common, in order, in a row; edits between."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_WORD = re.compile(r"\w+(?:[-'’]\w+)*")
_SPACELESS = re.compile(r"[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
"""Scripts that put no space between words: a character is a word."""

MOST = 400
"""Words of a text that are compared; an answer may be endless."""


def words(text: str) -> list[str]:
    """The words of a text, of one case and one way to write a character.

    Of scripts without spaces each character is a word. At most `MOST`.
    """
    plain = unicodedata.normalize("NFKC", text[: MOST * 40]).casefold()
    spaced = _SPACELESS.sub(lambda m: f" {m[0]} ", plain)
    return _WORD.findall(spaced)[:MOST]


def common(left: Sequence[str], right: Sequence[str]) -> int:
    """The length of the longest common subsequence.

    Hyyrö's bit-parallel recurrence: a bit a word of `left`.
    """
    places: dict[str, int] = {}
    for i, word in enumerate(left):
        places[word] = places.get(word, 0) | 1 << i
    full = (1 << len(left)) - 1
    row = full
    for word in right:
        match = row & places.get(word, 0)
        row = ((row + match) | (row - match)) & full
    return len(left) - row.bit_count()


def rouge(wanted: Sequence[str], got: Sequence[str]) -> float:
    """ROUGE-L: F of the longest common subsequence, 0–1 (Lin 2004, equal weights)."""
    if not wanted or not got:
        return 0.0
    return 2 * common(wanted, got) / (len(wanted) + len(got))


def run(wanted: Sequence[str], got: Sequence[str]) -> int:
    """The length of the longest run of words that stands in both."""
    best = 0
    above = [0] * (len(got) + 1)
    for word in wanted:
        row = [0] * (len(got) + 1)
        for j, other in enumerate(got, 1):
            if word == other:
                row[j] = above[j - 1] + 1
        best = max(best, *row)
        above = row
    return best


def start(wanted: Sequence[str], got: Sequence[str]) -> int:
    """How many words both begin with."""
    pairs = zip(wanted, got, strict=False)
    alike = min(len(wanted), len(got))
    return next((i for i, (a, b) in enumerate(pairs) if a != b), alike)


def within(left: Sequence[str], right: Sequence[str], most: int) -> bool:
    """Whether at most so many words must be put in, left out or replaced to make one the other."""
    if abs(len(left) - len(right)) > most:
        return False
    far = most + 1
    above = [min(j, far) for j in range(len(right) + 1)]
    for i, word in enumerate(left, 1):
        row = [far] * (len(right) + 1)
        if i <= most:
            row[0] = i
        for j in range(max(1, i - most), min(len(right), i + most) + 1):
            step = above[j - 1] + (word != right[j - 1])
            row[j] = min(step, above[j] + 1, row[j - 1] + 1, far)
        above = row
    return above[-1] <= most


def peak(greedy: str, samples: Sequence[str], *, share: float = 0.05, most: int = 100) -> float:
    """The share of samples that are nearly the greedy answer, 0–1.

    Dong et al., Findings of ACL 2024 (arXiv 2402.15938): the mass of the distribution of edit
    distances within a share of the answer's length. Words stand for tokens, which a black box does
    not tell.

    Args:
        greedy: the answer at temperature 0.
        samples: answers at temperature 1, at least one.
        share: of the greedy answer's words that may differ.
        most: words of each answer that are looked at.
    """
    first = words(greedy)[:most]
    near = int(share * len(first))
    return sum(within(first, words(s)[:most], near) for s in samples) / len(samples)
