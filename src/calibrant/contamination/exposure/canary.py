"""Is what was published likelier than what might have been? Canaries, and unexposed subjects."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from calibrant.contamination.evidence import ExposureTest
from calibrant.contamination.exposure.blind import blind_baseline
from calibrant.contamination.exposure.conclude import (
    check_alpha,
    check_draws,
    check_reason,
    concluded,
)
from calibrant.contamination.exposure.nulls import Floats, midranks, relabelled
from calibrant.contamination.exposure.power import canary_limit, detects_split
from calibrant.errors import InputError


def canary_test(
    published: ArrayLike,
    others: ArrayLike,
    *,
    reason: str,
    texts: Sequence[str] = (),
    subject: str = "subject",
    alpha: float = 0.05,
    draws: int = 9999,
    seed: int = 0,
) -> ExposureTest:
    """Test whether published canaries are likelier than others drawn from the same space.

    One canary: p is its rank over the number of canaries looked at (Carlini et al., USENIX
    Security 2019), ties against it. Several: the rank sum of the published among all, exact as in
    `split_test`. Both hold for `others` that are the rest of the space, or a random sample of it.

    Args:
        published: one signal, or shape (k,), of the published canaries.
        others: shape (m,), the same signal of canaries drawn in the same way and not published.
        reason: "random-canary".
        texts: of the published canaries, then of the others: with at least 2 of each, a blind
            baseline shows whether they were made alike.

    Returns:
        `statistic` is, for one canary, its exposure in bits, log2 of (m + 1) / rank; for several
        the AUROC. `detail` has the rank.

    Raises:
        InputError: for another reason, no canaries, signals that are not finite.
    """
    check_reason("canary", reason)
    check_alpha(alpha)
    check_draws(draws)
    ours, theirs = _row(published, "published"), _row(others, "others")
    if ours.size == 1:
        rank = 1 + int((theirs >= ours[0]).sum())
        space = theirs.size + 1
        return concluded(
            "canary", subject=subject, reason=reason, items=1, alpha=alpha,
            statistic=math.log2(space / rank), p=rank / space, smallest=1 / space,
            detects=canary_limit(theirs.size, alpha), units="canaries to compare with",
            detail={"rank": rank, "space": space, "others": _quantiles(theirs),
                    "observed": float(ours[0])},
        )  # fmt: skip
    every = np.concatenate([ours, theirs])
    inside = np.arange(every.size) < ours.size
    null = relabelled(midranks(every).astype(float), inside, np.zeros(every.size, np.int64),
                      draws=draws, rng=np.random.default_rng(seed))  # fmt: skip
    pairs = ours.size * theirs.size
    if texts and len(texts) != every.size:
        raise InputError(f"texts: wanted {every.size}, one a canary, got {len(texts)}")
    blind = blind_baseline(texts, inside, seed=seed) if texts and theirs.size > 1 else ()
    return concluded(
        "canary", subject=subject, reason=reason, items=ours.size, alpha=alpha, p=null.p,
        statistic=(null.observed / 2 - ours.size * (ours.size + 1) / 2) / pairs,
        smallest=null.smallest, detects=detects_split(ours.size, theirs.size, alpha),
        units="canaries", blind=blind, detail={"space": int(every.size), "exact": null.exact,
                                  "null": null.told(), "observed": null.observed},
    )  # fmt: skip


def reference_test(
    value: float,
    references: ArrayLike,
    *,
    reason: str,
    items: int,
    subject: str = "subject",
    alpha: float = 0.05,
) -> ExposureTest:
    """Test whether a subject stands out among subjects that have not seen the items.

    p is its rank among them, ties against it. It is valid if, without exposure, the subject would
    be one of their kind, as for one more of them trained alike; that they have not seen the items
    is needed, but does not make a larger subject one of them. The best value to compare is one
    from which ability is taken out: a gap between published items and their twins.

    Args:
        value: of the subject, larger for more exposed, such as the mean of a signal.
        references: shape (k,), the same of the reference subjects; 19 or more for p ≤ .05.
        items: how many items the value was made from.

    Raises:
        InputError: for another reason, no references, values that are not finite.
    """
    check_reason("reference", reason)
    check_alpha(alpha)
    theirs = _row(references, "references")
    own = float(_row(value, "value")[0])
    rank = 1 + int((theirs >= own).sum())
    kind = theirs.size + 1
    return concluded(
        "reference", subject=subject, reason=reason, items=items, statistic=own, alpha=alpha,
        p=rank / kind, smallest=1 / kind, units="reference subjects",
        detects=canary_limit(theirs.size, alpha).replace("canary that", "subject that").replace(
            "canaries", "subjects"),
        notes=["valid for a subject of the same kind as the references: trained alike, as able"],
        detail={"rank": rank, "references": theirs.tolist(), "observed": own},
    )  # fmt: skip


def _row(values: ArrayLike, name: str) -> Floats:
    row = np.atleast_1d(np.asarray(values, dtype=float))
    if row.ndim != 1 or row.size < 1:
        raise InputError(f"{name}: wanted at least one signal, got shape {row.shape}")
    if not np.isfinite(row).all():
        raise InputError(f"{name}: wanted finite signals, got {row[~np.isfinite(row)][0]}")
    return row


def _quantiles(values: Floats) -> list[float]:
    return [float(q) for q in np.quantile(values, np.linspace(0, 1, 41))]
