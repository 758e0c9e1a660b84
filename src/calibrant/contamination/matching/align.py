"""What was changed? Words of an item laid beside words of a document, in a band.

The least number of words replaced, deleted or inserted, with words before and after for free
(Sellers, 1980), among alignments that stay within a band around the place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

NONE, SAME, OTHER = -1, 0, 1
_FAR = 1 << 28


def align(item, text, slack, cost, came, partner, before):  # type: ignore[no-untyped-def]
    """Fills `partner` and `before`; plain here, and compiled by `kernel`.

    Args:
        item: shape (words,), a number for each word of the item.
        text: shape (words + 2·slack,), the same for the document; item word k is sought at text
            words k to k + 2·slack.
        cost: work space, shape (2, 2·slack + 2).
        came: work space, shape (words + 1, 2·slack + 1).
        partner: shape (words,), set to the text word that stands for each, or −1.
        before: shape (words + 1,), set to how many text words are put in before each.
    """
    rows, wide = len(item), 2 * slack + 1
    for j in range(wide):
        cost[0, j] = 0
        came[0, j] = 3
    now = 0
    for i in range(1, rows + 1):
        # Column j of row i: text words up to i + j have been used.
        old, now = now, 1 - now
        cost[old, wide] = _FAR
        left = _FAR
        for j in range(wide):
            t = i + j - 1
            best, step = cost[old, j] + (0 if text[t] == item[i - 1] else 1), 0
            if left + 1 < best:
                best, step = left + 1, 2
            if cost[old, j + 1] + 1 < best:
                best, step = cost[old, j + 1] + 1, 1
            cost[now, j] = best
            came[i, j] = step
            left = best
    j = 0
    for k in range(wide):
        if cost[now, k] < cost[now, j]:
            j = k
    for i in range(rows + 1):
        before[i] = 0
        if i < rows:
            partner[i] = -1
    i = rows
    while i > 0:
        step = came[i, j]
        if step == 0:
            partner[i - 1] = i + j - 1
            i -= 1
        elif step == 1:
            i -= 1
            j += 1
        else:
            before[i] += 1
            j -= 1


def aligned(item: list[str], text: list[str], slack: int, run: Any) -> tuple[Any, Any]:
    """Which word of the text stands for each of the item (−1 for none), and words put in.

    Args:
        slack: words by which the item may be shifted in the text; it is sought from text word 0.
        run: `align`, compiled or not.

    Returns:
        Shape (words,) and shape (words + 1,): put in before each word of the item.
    """
    number: dict[str, int] = {}
    a = np.array([number.setdefault(word, len(number)) for word in item], np.int64)
    b = np.array([number.setdefault(word, len(number)) for word in text], np.int64)
    partner, before = np.empty(len(a), np.int64), np.empty(len(a) + 1, np.int64)
    wide = 2 * slack + 1
    run(a, b, slack, np.empty((2, wide + 1), np.int64), np.empty((len(a) + 1, wide), np.int8),
        partner, before)  # fmt: skip
    return partner, before
