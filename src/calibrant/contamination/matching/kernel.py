"""Where do n-grams of items stand? One pass over bytes, compiled.

State goes on from one call to the next, so that neither the end of a batch nor a full buffer of
hits loses anything. Folded code points are kept in a ring, so that each candidate is compared
word for word without a look back into the text.
"""

# mypy: disable-error-code="no-untyped-def, assignment"
from __future__ import annotations

import numpy as np
from numba import njit

from calibrant.contamination.matching.align import align as _align
from calibrant.contamination.matching.letters import LONGEST, MARK, SEPARATOR, SINGLE, WORD
from calibrant.contamination.matching.words import BASE, SPREAD

_BASE = np.uint64(BASE)
_SPREAD = np.uint64(SPREAD)
_HALF = np.uint64(32)
_ONE, _SIX, _LOW = np.uint64(1), np.uint64(6), np.uint64(63)

# Places in the state.
OPEN, LENGTH, BEGIN, LAST, COUNT, RING, SLOT, INVALID, TOTAL, AT, TEXT, HITS, STREAK = range(13)
STATE = 13
_ROOM = 64
"""Hits that must fit before a step: one code point is folded to fewer words."""


@njit(cache=True, nogil=True)
def scan(
    data, starts, base, resume, final,
    ascii_code, block, entry, code, kind,
    n, table, value, bitmap, vocabulary, gram_start, gram_stop, item_code, oldest,
    state, rolling, hashes, begins, ring,
    hit_text, hit_word, hit_gram, hit_first, hit_last,
):  # fmt: skip
    """Goes on from `state` until the texts end or the hits are full; True if they have ended.

    Args:
        data, starts: as of a batch.
        base: bytes of the first text that stood before `data`.
        resume: whether the first text goes on from the state.
        final: whether the last text ends with `data`; else its last word stays open.
        oldest: the base to the power of n, modulo 2⁶⁴.
        state: shape (STATE,); rolling: shape (2,), hashes of the open word and the last n words.
        hashes, begins: shape (n,), of the last n words.
        ring: folded code points of the last words; its length is a power of 2.
        hit_…: of each hit its text, the number of its first word in that text, its n-gram and the
            bytes of the text at which it begins and ends.
    """
    is_open, length, begin, last = state[OPEN], state[LENGTH], state[BEGIN], state[LAST]
    count, at, slot = state[COUNT], state[RING], state[SLOT]
    invalid, total, i, text = state[INVALID], state[TOTAL], state[AT], state[TEXT]
    h, rolled = rolling[0], rolling[1]
    streak = state[STREAK]
    mask = len(ring) - 1
    slots = len(table) - 1
    shift, word_shift = _shift(bitmap), _shift(vocabulary)
    hits = 0
    room = len(hit_text) - _ROOM
    texts = len(starts) - 1
    done = True
    while text < texts:
        end = starts[text + 1]
        zero = base if text == 0 else -starts[text]
        if i == starts[text] and not (text == 0 and resume):
            is_open, length, count, slot, streak = 0, 0, 0, 0, 0
            h, rolled = np.uint64(0), np.uint64(0)
            hashes[:] = np.uint64(0)
        stay = text == texts - 1 and not final
        x, x_end, x_first, x_last = 0, 0, np.int64(0), np.int64(0)
        while True:
            close = False
            again = 0
            if x < x_end:
                k = kind[x]
                if k == SEPARATOR:
                    close = is_open != 0
                    x += 1
                elif is_open == 0 or (
                    length < LONGEST and (k == MARK or (k == WORD and is_open == WORD))
                ):
                    if is_open == 0:
                        is_open = SINGLE if k == SINGLE else WORD
                        h = np.uint64(0)
                        length = 0
                    if length == 0:
                        begin = x_first
                    v = code[x]
                    h = h * _BASE + np.uint64(v)
                    ring[np.uint64(at & mask)] = v
                    at += 1
                    length += 1
                    last = x_last
                    x += 1
                else:
                    close = True
                    if length == LONGEST and (k == MARK or (k == WORD and is_open == WORD)):
                        again = is_open
            elif i < end:
                if hits > room:
                    done = False
                    break
                v = ascii_code[data[np.uint64(i)]]
                if v != 0:
                    if is_open == WORD or is_open == 0:
                        if is_open == 0:
                            is_open = WORD
                            h = np.uint64(0)
                            length = 0
                        if length < LONGEST:
                            if length == 0:
                                begin = zero + i
                            stop = min(end, i + LONGEST - length)
                            length -= i
                            while v != 0:
                                h = h * _BASE + np.uint64(v)
                                ring[np.uint64(at & mask)] = v
                                at += 1
                                i += 1
                                if i == stop:
                                    break
                                v = ascii_code[data[np.uint64(i)]]
                            length += i
                            last = zero + i
                            if v == 0 and data[np.uint64(i)] < 128:
                                close = True
                                i += 1
                        else:
                            close = True
                            again = WORD
                    else:
                        close = True
                elif data[np.uint64(i)] < 128:
                    close = is_open != 0
                    i += 1
                else:
                    point, wide = _decoded(data, i, end)
                    if wide < 0:
                        if stay:
                            break  # the rest of the code point comes with the next batch
                        wide = 0
                    if wide == 0:
                        invalid += 1
                        close = is_open != 0
                        i += 1
                    else:
                        packed = entry[block[point >> 8], point & 255]
                        x = np.int64(packed >> np.uint32(5))
                        x_end = x + np.int64(packed & np.uint32(31))
                        x_first = zero + i
                        x_last = x_first + wide
                        i += wide
            elif is_open == 0 or stay:
                break
            else:
                close = True
            if not close:
                continue
            mixed = h * _SPREAD
            mixed ^= mixed >> _HALF
            rolled = rolled * _BASE + mixed - oldest * hashes[np.uint64(slot)]
            hashes[np.uint64(slot)] = mixed
            begins[np.uint64(slot)] = begin
            slot += 1
            if slot == n:
                slot = 0
            count += 1
            total += 1
            ring[np.uint64(at & mask)] = 0
            at += 1
            is_open, length, h = again, 0, np.uint64(0)
            # Most words of a corpus, and with them most n-grams, are no words of the items: a
            # small table of those spares looks into the large one.
            bit = mixed >> word_shift
            streak = (streak + 1) * np.int64(vocabulary[bit >> _SIX] >> (bit & _LOW) & _ONE)
            if streak < n:
                continue
            key = rolled * _SPREAD
            key ^= key >> _HALF
            bit = key >> shift
            if bitmap[bit >> _SIX] >> (bit & _LOW) & _ONE == 0:
                continue
            where = np.int64(key & np.uint64(slots))
            while value[np.uint64(where)] != 0:
                if table[np.uint64(where)] == key:
                    gram = value[np.uint64(where)] - 1
                    low, t = gram_start[gram], gram_stop[gram]
                    r = at - 1
                    while t > low and item_code[t - 1] == ring[(r - 1) & mask]:
                        t -= 1
                        r -= 1
                    if t == low and (count == n or ring[(r - 1) & mask] == 0):
                        hit_text[hits] = text
                        hit_word[hits] = count - n
                        hit_gram[hits] = gram
                        hit_first[hits] = begins[slot]
                        hit_last[hits] = last
                        hits += 1
                        break
                where = (where + 1) & slots
        if not done:
            break
        if stay:
            break
        text += 1
        i = starts[text]
    state[OPEN], state[LENGTH], state[BEGIN], state[LAST] = is_open, length, begin, last
    state[COUNT], state[RING], state[SLOT] = count, at, slot
    state[INVALID], state[TOTAL], state[AT], state[TEXT] = invalid, total, i, text
    state[HITS], state[STREAK] = hits, streak
    rolling[0], rolling[1] = h, rolled
    return done


@njit(cache=True, nogil=True, inline="always")
def _shift(bitmap):
    """By how much a hash is shifted to become the number of a bit."""
    shift = np.uint64(64 - 6)
    size = len(bitmap)
    while size > 1:
        size >>= 1
        shift -= _ONE
    return shift


@njit(cache=True, nogil=True, inline="always")
def _decoded(data, i, end):
    """A code point and its bytes; 0 bytes if there is none, −1 if the text ends within it."""
    b = np.int64(data[i])
    if b < 0xC2 or b > 0xF4:
        return np.int64(0), 0
    wide = 2 if b < 0xE0 else (3 if b < 0xF0 else 4)
    point = b & (0xFF >> (wide + 1))
    for k in range(1, wide):
        if i + k == end:
            return np.int64(0), -1
        c = np.int64(data[i + k])
        if c & 0xC0 != 0x80:
            return np.int64(0), 0
        if k == 1 and (
            (b == 0xE0 and c < 0xA0)
            or (b == 0xED and c > 0x9F)
            or (b == 0xF0 and c < 0x90)
            or (b == 0xF4 and c > 0x8F)
        ):
            return np.int64(0), 0
        point = point << 6 | (c & 0x3F)
    return point, wide


align = njit(cache=True, nogil=True)(_align)
