"""How far does a run of hits go? The same as `runs`, compiled, which says what is meant and why."""

# mypy: disable-error-code="no-untyped-def, assignment"
from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def spread(
    text, word, gram, first, last, new, own, item_of, starts, same, sorted_words, sorted_starts,
    usual, rare_words, rare_starts, boilerplate,
    old_text, old_item, old_at, old_grams, old_word, old_last,
    out_text, out_item, out_at, out_grams, out_word, out_first, out_last,
):  # fmt: skip
    """Lengthens old runs by new hits, and gives the runs that begin with those; how many, and the
    hit from which on there was no room.

    Args:
        text, …: hits in order, those that were known before first.
        new: the first new one.
        own: n-gram at each word of the items; item_of: item of each.
        same: how many n-grams from each word on are the same one.
        usual: n-gram that stands before most occurrences of each, or −2; rare_words, rare_starts:
            the occurrences that do not stand after it.
        old_…: runs that are open; changed in place.
    """
    hits = len(text)
    alike = np.ones(hits, np.int64)
    for h in range(hits - 2, -1, -1):
        if text[h] == text[h + 1] and word[h] + 1 == word[h + 1] and gram[h] == gram[h + 1]:
            alike[h] = alike[h + 1] + 1
    room = len(out_text)
    found = 0
    h = new
    while h < hits:
        g = gram[h]
        if boilerplate[g]:
            h += 1
            continue
        before = -1
        if h > 0 and text[h - 1] == text[h] and word[h - 1] == word[h] - 1:
            before = gram[h - 1]
        if before >= 0 and before == usual[g] and not boilerplate[before]:
            low, high = rare_starts[g], rare_starts[g + 1]
            some = rare_words
        else:
            low, high = sorted_starts[g], sorted_starts[g + 1]
            some = sorted_words
        if found + high - low > room and found > 0:
            break
        for k in range(low, high):
            p = np.int64(some[k])
            item = np.int64(item_of[p])
            # What stands before on the same diagonal: up to a telling n-gram the run is known.
            back, known = 0, False
            while (
                h - back > 0 and p - back > starts[item] and text[h - back - 1] == text[h]
                and word[h - back - 1] == word[h] - back - 1
                and own[p - back - 1] == gram[h - back - 1]
            ):  # fmt: skip
                back += 1
                if not boilerplate[gram[h - back]]:
                    known = True
                    break
            if known:
                continue
            ahead = _ahead(text, word, gram, alike, h, p, starts[item + 1], own, same)
            out_text[found], out_item[found] = text[h], item
            out_at[found], out_grams[found] = p - back - starts[item], ahead + back
            out_word[found], out_first[found] = word[h] - back, first[h - back]
            out_last[found] = last[h + ahead - 1]
            found += 1
        h += 1
    # Those that were open go on with the first hits, known or new, that follow on them.
    for r in range(len(old_text)):
        sought = old_word[r] + old_grams[r]
        low, high = 0, h
        while low < high:
            mid = (low + high) >> 1
            if text[mid] < old_text[r] or (text[mid] == old_text[r] and word[mid] < sought):
                low = mid + 1
            else:
                high = mid
        if low < h and text[low] == old_text[r] and word[low] == sought:
            p = starts[old_item[r]] + old_at[r] + old_grams[r]
            if p < starts[old_item[r] + 1] and own[p] == gram[low]:
                stop = starts[old_item[r] + 1]
                ahead = _ahead(text, word, gram, alike, low, p, stop, own, same)
                old_grams[r] += ahead
                old_last[r] = max(old_last[r], last[low + ahead - 1])
    return found, h


@njit(cache=True, nogil=True)
def _ahead(text, word, gram, alike, h, p, stop, own, same):
    """How many hits from one on are the n-grams of an item from a word on; it ends at `stop`."""
    ahead = 0
    while (
        h + ahead < len(text) and p + ahead < stop and own[p + ahead] == gram[h + ahead]
        and text[h + ahead] == text[h] and word[h + ahead] == word[h] + ahead
    ):  # fmt: skip
        ahead += min(alike[h + ahead], np.int64(same[p + ahead]))
    return ahead
