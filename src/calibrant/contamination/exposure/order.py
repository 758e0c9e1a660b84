"""Does the subject find the published order of the items likelier than other orders?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from calibrant._text import one_line
from calibrant.contamination.evidence import ExposureTest
from calibrant.contamination.exposure.conclude import (
    check_alpha,
    check_draws,
    check_reason,
    concluded,
)
from calibrant.contamination.exposure.nulls import Floats, Null, counted, drawn, uniform_ranks
from calibrant.contamination.exposure.power import detects_order
from calibrant.contamination.tokens import Scorer
from calibrant.errors import InputError

OrderStatistic = Literal["rank", "standardised"]


def order_test(
    logprobs: ArrayLike,
    *,
    reason: str,
    items: int | None = None,
    statistic: OrderStatistic = "rank",
    subject: str = "subject",
    alpha: float = 0.05,
    draws: int = 9999,
    seed: int = 0,
) -> ExposureTest:
    """Test whether the published order is likelier than random orders, within shards.

    Oren et al., ICLR 2024 (arXiv 2310.17623): who learnt the file learnt its order. If the order
    was drawn at random, a subject that did not see the file finds it as likely as any other, and
    the published order's rank among m random ones is uniform in each shard, whatever the
    distribution of log-probabilities. The ranks of shards add up; the distribution of their sum
    is worked out exactly, so that many shards and few permutations are enough. (The authors' code
    compares means by a t statistic with the wrong standard deviation, and relies on normality.)

    Args:
        logprobs: shape (shards, 1 + permutations); the published order's in the first column.
        reason: "random-order". A file that is sorted, or grouped by topic, is not.
        items: how many items the shards have together.
        statistic: "rank"; or "standardised": the sum over shards of the log-probability less the
            mean of its row over the row's standard deviation, among random choices of a column
            from each row.

    Returns:
        `statistic` is the mean over shards of the share of permutations that are below (ties
        half): .5 for no exposure; or the mean of standardised log-probabilities.

    Raises:
        InputError: for another reason, fewer than 1 shard or permutation, log-probabilities that
            are not finite.
    """
    check_reason("order", reason)
    check_alpha(alpha)
    check_draws(draws)
    table = np.asarray(logprobs, dtype=float)
    if table.ndim != 2 or table.shape[0] < 1 or table.shape[1] < 2:
        raise InputError(
            f"logprobs: wanted shape (shards, 1 + permutations), got shape {table.shape}"
        )
    if not np.isfinite(table).all():
        shard = int(np.flatnonzero(~np.isfinite(table).all(axis=1))[0])
        raise InputError(f"logprobs: wanted finite, got others in shard {shard + 1}")
    if statistic == "rank":
        null, value = _ranked(table)
    elif statistic == "standardised":
        null, value = _standardised(table, draws, np.random.default_rng(seed))
    else:
        raise InputError(f"statistic: wanted rank or standardised, got {statistic!r}")
    shards, orders = table.shape
    return concluded(
        "order", subject=subject, reason=reason, items=shards if items is None else items,
        statistic=value, p=null.p, smallest=null.smallest, alpha=alpha,
        detects=detects_order(shards, alpha), units="shards or permutations",
        detail={"shards": shards, "permutations": orders - 1, "exact": null.exact,
                "null": null.told(), "observed": null.observed},
    )  # fmt: skip


def _ranked(table: Floats) -> tuple[Null, float]:
    """The sum of ranks from below, ties against the published order; exact."""
    shards, orders = table.shape
    # Equal but for the order in which a computer adds counts as equal.
    own = table[:, :1] - 1e-9 * np.abs(table[:, :1])
    below = (table[:, 1:] < own).sum(axis=1)
    tied = (np.abs(table[:, 1:] - table[:, :1]) <= 1e-9 * np.abs(table[:, :1])).sum(axis=1)
    share = uniform_ranks(orders, shards)
    at = np.arange(share.size, dtype=float)
    null = counted(float(below.sum()), at, share, exact=True, smallest=float(share[-1]))
    return null, float(np.mean((below + tied / 2) / (orders - 1)))


def _standardised(table: Floats, draws: int, rng: np.random.Generator) -> tuple[Null, float]:
    shards, orders = table.shape
    spread = table.std(axis=1, keepdims=True)
    apart = table - table.mean(axis=1, keepdims=True)
    tiny = spread <= 1e-9 * np.abs(table).max()
    z = np.where(tiny, 0.0, apart / np.where(tiny, 1.0, spread))
    total = np.zeros(draws)
    for row in z:
        total += row[rng.integers(0, orders, draws)]
    smallest = float(np.exp(-min(shards * np.log(orders), 700.0)))
    return drawn(float(z[:, 0].sum()), total, smallest=smallest), float(z[:, 0].mean())


def order_scores(
    scorer: Scorer,
    texts: Sequence[str],
    *,
    shards: int,
    permutations: int = 99,
    between: str = "\n\n",
    most_tokens: int | None = None,
    seed: int = 0,
) -> Floats:
    """Log-probabilities of the published order of each shard, and of random orders.

    Args:
        scorer: who is asked; it must score the whole of a shard at once.
        texts: items in their published order.
        shards: runs of neighbouring items, as equal in number as can be; at least 2 items each.
        permutations: random orders of each shard.
        between: what stands between items.
        most_tokens: tokens that the scorer can take at once; a longer shard is refused.
        seed: of the orders.

    Returns:
        shape (shards, 1 + permutations), for `order_test`.

    Raises:
        InputError: for too few items for the shards, a shard that is too long, tokens without a
            log-probability, or a scorer that leaves out part of a long text.
    """
    if permutations < 1 or shards < 1:
        raise InputError(
            f"shards, permutations: wanted at least 1, got {shards!r} and {permutations!r}"
        )
    if len(texts) < 2 * shards:
        raise InputError(
            f"shards: wanted at least 2 items in each of {shards}, got {len(texts)} items"
        )
    streams = np.random.SeedSequence(seed).spawn(shards)
    out = np.empty((shards, 1 + permutations))
    for number, places in enumerate(np.array_split(np.arange(len(texts)), shards)):
        rng = np.random.default_rng(streams[number])
        orders = [places, *(rng.permutation(places) for _ in range(permutations))]
        joined = [between.join(texts[i] for i in order) for order in orders]
        out[number] = _totals(scorer, joined, number, most_tokens)
    return out


def _totals(scorer: Scorer, joined: list[str], shard: int, most: int | None) -> Floats:
    scores = scorer.score(joined, items=[f"{shard + 1}.{i}" for i in range(len(joined))])
    who = one_line(scores.subject, 60)
    lengths = scores.lengths
    if most is not None and int(lengths.max()) > most:
        raise InputError(
            f"{who}: shard {shard + 1} has {int(lengths.max())} tokens, more than the {most} that "
            "can be scored at once: ask for more shards"
        )
    # Orders differ by a few tokens where items meet; a text cut off at a limit shows as a
    # plateau at it, and is refused by the scorer, or has tokens without a log-probability.
    if np.isnan(scores.logprob).any():
        bad = int(np.isnan(scores.logprob).sum())
        raise InputError(
            f"{who}: shard {shard + 1}: {bad} of {scores.logprob.size} tokens without a "
            "log-probability (too long for its context? ask for more shards)"
        )
    if not (lengths > 0).all():
        raise InputError(f"{who}: shard {shard + 1}: no token was scored")
    text = np.repeat(np.arange(len(joined)), lengths)
    return np.asarray(np.bincount(text, scores.logprob, minlength=len(joined)), dtype=float)
