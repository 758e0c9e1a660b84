"""How likely did one subject find each text? One number a text, larger for more exposed.

Every signal takes `skip`, how many tokens at the beginning of each text are left out, and
`missing`: "refuse" texts that lack log-probabilities, naming their items, or give them "nan".
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from calibrant._text import storable
from calibrant.contamination.signals.ragged import (
    Missing,
    divided,
    lowest_means,
    sums,
    usable,
)
from calibrant.contamination.tokens import TokenScores
from calibrant.errors import InputError

Floats = NDArray[np.float64]


def loss(scores: TokenScores, *, skip: int = 0, missing: Missing = "refuse") -> Floats:
    """Mean log-probability a token, in nats: minus the loss (Yeom et al., CSF 2018).

    Returns:
        shape (texts,), ≤ 0.

    Raises:
        InputError: for texts without log-probabilities, naming their items, unless `missing` is
            "nan"; for a negative `skip`.
    """
    text, values, number, _ = usable(scores, scores.logprob, skip, missing)
    return divided(sums(text, values, len(scores)), number)


def total(scores: TokenScores, *, skip: int = 0, missing: Missing = "refuse") -> Floats:
    """Log-probability of the whole text, in nats: longer texts have less. As `loss` otherwise."""
    text, values, _, whole = usable(scores, scores.logprob, skip, missing)
    return np.where(whole, sums(text, values, len(scores)), np.nan)


def perplexity(scores: TokenScores, *, skip: int = 0, missing: Missing = "refuse") -> Floats:
    """Minus the perplexity, -exp(loss): ranks texts as `loss` does. As `loss` otherwise."""
    return np.asarray(-np.exp(-loss(scores, skip=skip, missing=missing)))


def zlib_ratio(scores: TokenScores, *, skip: int = 0, missing: Missing = "refuse") -> Floats:
    """Mean log-probability a token over the bytes that zlib needs for the text.

    Carlini et al., USENIX Security 2021; as in their code and Min-K %++'s: the mean loss, so the
    ratio still falls with length. As `loss` otherwise.
    """
    return np.asarray(loss(scores, skip=skip, missing=missing) / zlib_bytes(scores.text))


def zlib_bytes(texts: tuple[str, ...]) -> Floats:
    """Shape (texts,): bytes of each text as UTF-8, compressed by zlib at its default level."""
    return np.array([len(zlib.compress(storable(t).encode())) for t in texts], dtype=float)


def min_k(
    scores: TokenScores, *, k: float = 0.2, skip: int = 0, missing: Missing = "refuse"
) -> Floats:
    """Min-K %: mean log-probability of the least likely `k` of a text's tokens.

    Shi et al., ICLR 2024: a text not seen has a few tokens that nobody expects. Of n tokens it
    takes the lowest ⌊kn⌋, and one at least (the reference code takes none of a short text, and
    gives NaN). As `loss` otherwise.

    Args:
        k: share of tokens, above 0 to 1.
    """
    text, values, number, _ = usable(scores, scores.logprob, skip, missing)
    return lowest_means(text, values, number, share_of(k))


def tail_top1(
    scores: TokenScores, *, last: int = 20, skip: int = 0, missing: Missing = "refuse"
) -> Floats:
    """Share of a text's last tokens that were the most likely at their place.

    What one who knows a text by heart does: once begun, it goes on. A subject that gives only its
    most likely token is enough.

    Args:
        last: how many tokens at the end, or all of a shorter text.

    Raises:
        InputError: as `loss`; if ranks are not known, or `last` is below 1.
    """
    if scores.rank is None:
        raise InputError(f"{scores.subject}: tail top-1 needs the rank of each token; none given")
    if last < 1:
        raise InputError(f"last: wanted at least 1, got {last!r}")
    text, first, number, whole = usable(scores, np.asarray(scores.rank == 1, float), skip, missing)
    starts = np.concatenate([[0], np.cumsum(number)])[:-1]
    left = np.repeat(number, number) - (np.arange(text.size) - np.repeat(starts, number))
    end = left <= last
    taken = np.where(whole, np.minimum(number, last), 0)
    return divided(sums(text[end], first[end], len(scores)), taken)


def skip_effect(scores: TokenScores, *, skip: int = 1) -> dict[str, float]:
    """How far the first tokens move the mean log-probability of a text, in nats a token.

    The first token depends on the prefix more than on the text: with another begin token it alone
    has moved the mean of short texts by 1.3 nats, more than exposure does.

    Returns:
        `median` and `most`: of the distances, over texts with more than `skip` tokens that lack
        no log-probability; `texts`: how many these are. NaN for none.
    """
    with_all = loss(scores, missing="nan")
    apart = np.abs(loss(scores, skip=skip, missing="nan") - with_all)
    apart = apart[~np.isnan(apart)]
    if not apart.size:
        return {"median": float("nan"), "most": float("nan"), "texts": 0}
    return {"median": float(np.median(apart)), "most": float(apart.max()), "texts": apart.size}


def share_of(k: float) -> float:
    """`k`, if it is a share of tokens.

    Raises:
        InputError: if not.
    """
    if not 0 < k <= 1:
        raise InputError(f"k: wanted a share of tokens above 0 to 1, got {k!r}")
    return float(k)
