"""Which tokens of each text count? Sums and lowest values over texts of unequal length."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.contamination.tokens import TokenScores
from calibrant.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Missing = Literal["refuse", "nan"]


def kept(scores: TokenScores, skip: int) -> tuple[Ints, NDArray[np.bool_]]:
    """The text that each token belongs to, and whether it counts: not among the first `skip`.

    Raises:
        InputError: if `skip` is negative or not whole.
    """
    if isinstance(skip, bool) or not isinstance(skip, int | np.integer) or skip < 0:
        raise InputError(f"skip: wanted a whole number of at least 0, got {skip!r}")
    lengths = scores.lengths
    text = np.repeat(np.arange(lengths.size), lengths)
    place = np.arange(text.size) - np.repeat(scores.starts[:-1], lengths)
    return text, place >= skip


def usable(
    scores: TokenScores, values: Floats, skip: int, missing: Missing
) -> tuple[Ints, Floats, Ints, NDArray[np.bool_]]:
    """The tokens that count.

    Args:
        values: shape (tokens,); NaN where the provider gave none.
        missing: what to do with a text that lacks a value, or has no token after `skip`: "refuse",
            or "nan": leave it out here, and let its signal be NaN.

    Returns:
        of each token its text and its value; of each text how many, and whether it is whole.

    Raises:
        InputError: naming the items that lack values, if they are to be refused.
    """
    if missing not in ("refuse", "nan"):
        raise InputError(f"missing: wanted refuse or nan, got {missing!r}")
    text, counts = kept(scores, skip)
    number = np.bincount(text[counts], minlength=len(scores)).astype(np.int64)
    lost = np.bincount(text[counts & np.isnan(values)], minlength=len(scores))
    whole = (lost == 0) & (number > 0)
    if missing == "refuse" and not whole.all():
        raise InputError(_said(scores, whole, lost, skip))
    counts &= whole[text]
    return text[counts], values[counts], np.where(whole, number, 0), whole


def _said(scores: TokenScores, whole: NDArray[np.bool_], lost: NDArray[np.int64], skip: int) -> str:
    bad = np.flatnonzero(~whole)
    names = ", ".join(
        f"{one_line(scores.item[i], 40)!r} ({_why(int(lost[i]), int(scores.lengths[i]), skip)})"
        for i in bad[:3]
    )
    more = f", and {bad.size - 3} more" if bad.size > 3 else ""
    return f"{one_line(scores.subject, 60)}: {bad.size} of {len(scores)} texts: item {names}{more}"


def _why(lost: int, length: int, skip: int) -> str:
    if lost:
        return f"{lost} of {length} tokens without a log-probability"
    return f"{length} tokens, none after the first {skip}" if length else "no token was scored"


def sums(text: Ints, values: Floats, texts: int) -> Floats:
    """Shape (texts,): the sum of each text's values."""
    return np.asarray(np.bincount(text, values, minlength=texts), dtype=float)


def lowest_means(text: Ints, values: Floats, number: Ints, share: float) -> Floats:
    """Shape (texts,): the mean of the lowest `share` of each text's values, of one at least.

    Args:
        text: shape (tokens,), ascending.
        number: shape (texts,), tokens of each; 0 gives NaN.
    """
    take = np.where(number > 0, np.maximum(1, np.floor(number * share + 1e-9)), 0).astype(np.int64)
    order = np.lexsort((values, text))
    starts = np.concatenate([[0], np.cumsum(number)])[:-1]
    place = np.arange(text.size) - np.repeat(starts, number)
    low = place < np.repeat(take, number)
    return divided(sums(text[low], values[order][low], number.size), take)


def divided(total: Floats, number: NDArray[np.int64]) -> Floats:
    """Totals over numbers; NaN where the number is 0."""
    out = np.full(total.shape, np.nan)
    np.divide(total, number, out=out, where=number > 0)
    return out
