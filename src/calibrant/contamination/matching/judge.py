"""What stands in the places of an item? The same as `places`, compiled.

Each function here has its plain twin there, which says what is meant and why.
"""

# mypy: disable-error-code="no-untyped-def, assignment"
from __future__ import annotations

import numpy as np
from numba import njit

from calibrant.contamination.matching.kernel import _decoded, align
from calibrant.contamination.matching.letters import LONGEST, MARK, SEPARATOR, SINGLE, WORD

VERBATIM, NUMBERS, NEAR, PART, FRAGMENT, NOTHING = range(6)
_BASE = np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True, nogil=True)
def group(
    at, words, word, first, last, width, length, n, parts, tells, own, far, frontier,
    aligns, anchored, least, widths, bits, member, kind, part, share, count, byte, end, begin,
):  # fmt: skip
    """Places of one item in one document, and what can be said of them without the text.

    Args:
        at, …: runs, by word of the document, longer ones first.
        frontier: places that end there or later are left open.
        aligns: whether places are aligned of which `anchored` of a part's words stand in runs.
        least: share of a part from which on it is more than a fragment.
        widths, bits: which n-grams of the item were found, of each width; set.
        member: shape (runs,), the place that each is of, or −1; set.
        kind, part, share, count, byte, end: of each place; set. The kind is negative, less one, if
            the place is to be aligned. begin: its first run.

    Returns:
        How many places ended, the first run of one that did not (or −1), and the word of the
        document at which the last of them ends.
    """
    runs = len(at)
    for w in range(len(widths)):
        todo = length - widths[w] + 1
        for k in range(max(todo, 0)):
            todo -= bits[w, k]
        for r in range(runs):
            if todo <= 0:
                break
            for k in range(at[r], at[r] + words[r] - widths[w] + 1):
                todo -= not bits[w, k]
                bits[w, k] = True
    covered, long = np.zeros(length, np.bool_), np.zeros(length, np.bool_)
    places, now = 0, -1
    stop, mine, until, furthest, stop_all = 0, 0, 0, 0, 0
    for r in range(runs + 1):
        goes_on = False
        if r < runs:
            member[r] = -1
            if now >= 0 and word[r] + words[r] <= stop:
                continue
            goes_on = (
                now >= 0 and at[r] + max(stop - word[r], 0) >= mine - width
                and at[r] + words[r] > mine and first[r] - until <= far
                and last[r] - first[now] <= 4 * far
            )  # fmt: skip
            if not goes_on and word[r] < stop:
                continue
        if not goes_on:
            if now >= 0:
                if furthest >= frontier:
                    return places, now, stop_all
                stop_all = 0
                for k in range(now, r):
                    if member[k] == places:
                        stop_all = max(stop_all, word[k] + words[k])
                begin[places], byte[places], end[places] = now, first[now], furthest
                _verdict(
                    at, words, member, now, r, places, length, n, parts, tells, own, aligns,
                    anchored, least, covered, long, kind, part, share, count,
                )  # fmt: skip
                places += 1
            if r == runs:
                break
            now, furthest = r, 0
        member[r] = places
        stop, mine, until = word[r] + words[r], at[r] + words[r], last[r]
        furthest = max(furthest, last[r])
    return places, -1, stop_all


@njit(cache=True, nogil=True)
def _verdict(
    at, words, member, low, high, place, length, n, parts, tells, own, aligns, anchored, least,
    covered, long, kind, part, share, count,
):  # fmt: skip
    """As `places.judged`, but for the alignment."""
    covered[:] = False
    long[:] = False
    some = False
    for r in range(low, high):
        if member[r] == place:
            covered[at[r] : at[r] + words[r]] = True
            if words[r] >= n:
                some = True
                long[at[r] : at[r] + words[r]] = True
    kind[place], part[place], share[place] = NOTHING, 0, 0.0
    for k in range(len(parts)):
        a, b = parts[k, 0], parts[k, 1]
        for r in range(low, high):
            if member[r] == place and words[r] >= n and at[r] <= a and at[r] + words[r] >= b:  # noqa: SIM102
                if kind[place] == NOTHING and tells[k]:
                    kind[place], part[place], share[place] = VERBATIM, k, 1.0
    count[place] = length
    if kind[place] == VERBATIM and part[place] == 0:
        return
    count[place] = covered.sum()
    if kind[place] == NOTHING and some:
        best = -1.0
        for k in range(len(parts)):
            a, b = parts[k, 0], parts[k, 1]
            held, all_own = 0, 0
            for i in range(a, b):
                all_own += own[i]
                held += own[i] and long[i]
            found = held / all_own if all_own else 0.0
            if found > best:
                best = found
                part[place], share[place] = k, found
        kind[place] = PART if best >= least else FRAGMENT
    if aligns:
        for k in range(len(parts) if kind[place] != VERBATIM else 1):
            a, b = parts[k, 0], parts[k, 1]
            if covered[a:b].sum() >= anchored * (b - a):
                kind[place] = -kind[place] - 1
                break


@njit(cache=True, nogil=True)
def window(data, from_byte, after, block, entry, code, kind):
    """Words of a stretch of text: folded code points, where each word begins in them and ends, and
    the number of the first word that begins at a byte or after it.

    Args:
        after: words beyond that one which are wanted.
    """
    codes = np.empty(32 * len(data) + 64, np.uint32)
    start = np.empty(20 * len(data) + 64, np.int64)
    stop = np.empty(20 * len(data) + 64, np.int64)
    found, at, length, opened, begin = 0, 0, 0, 0, 0
    place = -1
    i, end = 0, len(data)
    while i <= end:
        point, wide, size = np.int64(0), 1, 0
        x = np.int64(0)
        if i < end:
            point, wide = _decoded(data, i, end) if data[i] >= 128 else (np.int64(data[i]), 1)
            if wide > 0:
                packed = entry[block[point >> 8], point & 255]
                x, size = np.int64(packed >> np.uint32(5)), np.int64(packed & np.uint32(31))
        bad = i == end or wide <= 0
        for k in range(1 if bad else size):
            c = SEPARATOR if bad else kind[x + k]
            goes_on = length > 0 and (c == MARK or (c == WORD and opened != 2))
            if length > 0 and (not goes_on or length == LONGEST):
                start[found], stop[found] = at - length, at
                if place < 0 and begin >= from_byte:
                    place = found
                found += 1
                length = 0
                if not goes_on:
                    opened = 0
            if c != SEPARATOR:
                if length == 0:
                    begin = i
                if opened == 0:
                    opened = 2 if c == SINGLE else 1
                codes[at] = code[x + k]
                at += 1
                length += 1
        if place >= 0 and found >= place + after:
            break
        i += max(wide, 1)
    return codes, start[:found], stop[:found], found if place < 0 else place


@njit(cache=True, nogil=True)
def near(
    data, from_byte, at, item_code, item_word, length, slack, parts, own, digits, n, least,
    block, entry, code, kind, out,
):  # fmt: skip
    """What of an item stands beside a word of a text, as `places._near`.

    Args:
        at: the item's word that stands at `from_byte` of `data`.
        item_word: shape (length + 1,), where its words begin in `item_code`.
        digits: shape (code points + 1,), whether each is a digit, by code point plus 1.
        out: shape (7,), set to the kind (or −1), part, words replaced, deleted, inserted, changed
            that are numbers, and words of the whole item in order.

    Returns:
        The share.
    """
    wanted = length + 2 * slack
    codes, start, stop, place = window(
        data, from_byte, wanted - at - slack + 1, block, entry, code, kind
    )
    low = place - at - slack
    mine, said = np.empty(length, np.int64), np.full(wanted, -2, np.int64)
    mine_digit, said_digit = np.zeros(length, np.bool_), np.zeros(wanted, np.bool_)
    bits = 1
    while 1 << bits < 2 * length:
        bits += 1
    table = np.full(1 << bits, -1, np.int64)
    for k in range(length):
        a, b = item_word[k], item_word[k + 1] - 1
        mine[k] = _number_of(item_code, a, b, item_code, item_word, table, k)
        mine_digit[k] = _digit(item_code, a, b, digits)
    for t in range(wanted):
        if 0 <= low + t < len(start):
            a, b = start[low + t], stop[low + t]
            said[t] = _number_of(codes, a, b, item_code, item_word, table, -1)
            said_digit[t] = _digit(codes, a, b, digits)
    partner, before = np.empty(length, np.int64), np.empty(length + 1, np.int64)
    wide = 2 * slack + 1
    align(mine, said, slack, np.empty((2, wide + 1), np.int64),
          np.empty((length + 1, wide), np.int8), partner, before)  # fmt: skip
    same = np.zeros(length, np.bool_)
    for k in range(length):
        if partner[k] >= 0:
            if said[partner[k]] == -2:
                partner[k] = -1
            else:
                same[k] = said[partner[k]] == mine[k]
    out[0], out[6] = -1, same.sum()
    best = -1.0
    for p in range(len(parts)):
        a, b = parts[p, 0], parts[p, 1]
        kept, replaced, deleted, inserted, other, numeric, telling, held = 0, 0, 0, 0, 0, 0, 0, 0
        for k in range(a, b):
            kept += same[k]
            numeric += mine_digit[k]
            telling += own[k]
            held += own[k] and same[k]
            if partner[k] < 0:
                deleted += 1
                other += not mine_digit[k]
            elif not same[k]:
                replaced += 1
                other += not (mine_digit[k] and said_digit[partner[k]])
        if kept == 0:
            continue
        used = -1
        for k in range(b):
            if k > a and before[k] > 0:
                inserted += before[k]
                for t in range(used + 1, min(used + 1 + before[k], wanted)):
                    other += not said_digit[t]
            if partner[k] >= 0:
                used = partner[k]
        changed = replaced + deleted + inserted
        share = kept / (b - a + inserted)
        shown, sort = -1.0, -1
        if other == 0 and changed and kept + numeric >= n:
            shown, sort = 1.0, NUMBERS
        else:
            strict = held / telling if telling else 0.0
            if min(share, strict) >= least and kept >= min(n, b - a - 1):
                shown, sort = share, NEAR
        if shown > best:
            best = shown
            out[0], out[1], out[2], out[3] = sort, p, replaced, deleted
            out[4], out[5] = inserted, changed - other
            said_share = share
    return said_share if best >= 0 else 0.0


@njit(cache=True, nogil=True)
def _digit(codes, a, b, digits):
    for k in range(a, b):  # noqa: SIM110
        if digits[codes[k]]:
            return True
    return False


@njit(cache=True, nogil=True)
def _number_of(codes, a, b, item_code, item_word, table, own):
    """The first word of the item that is the same, or −1; one that is new is put into the table."""
    h = np.uint64(b - a)
    for k in range(a, b):
        h = (h ^ np.uint64(codes[k])) * _BASE
    h ^= h >> np.uint64(29)
    mask = np.uint64(len(table) - 1)
    slot = h & mask
    while table[slot] >= 0:
        k = table[slot]
        c = item_word[k]
        if item_word[k + 1] - 1 - c == b - a:
            equal = True
            for t in range(b - a):
                if item_code[c + t] != codes[a + t]:
                    equal = False
                    break
            if equal:
                return k
        slot = (slot + np.uint64(1)) & mask
    if own >= 0:
        table[slot] = own
    return own
