"""Is the published one of each pair of twins likelier, or more often answered right?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from calibrant.contamination.evidence import ExposureTest
from calibrant.contamination.exposure.blind import beyond, blind_baseline, paired_baseline
from calibrant.contamination.exposure.conclude import (
    check_alpha,
    check_draws,
    check_reason,
    concluded,
)
from calibrant.contamination.exposure.groups import Statistic
from calibrant.contamination.exposure.nulls import Floats, flipped, midranks, relabelled
from calibrant.contamination.exposure.power import detects_rates, detects_twin
from calibrant.contamination.exposure.units import Labels, grouped, numbered
from calibrant.errors import InputError
from calibrant.stats.comparisons.two_rates import fisher, mcnemar


def twin_test(
    differences: ArrayLike,
    *,
    reason: str,
    clusters: Labels | None = None,
    statistic: Statistic = "rank",
    two_sided: bool = False,
    texts: Sequence[Sequence[str]] = (),
    subject: str = "subject",
    alpha: float = 0.05,
    draws: int = 9999,
    seed: int = 0,
    method: str = "twin",
) -> ExposureTest:
    """Test whether the published one of each pair of twins has the larger signal.

    A sign-flip test (Fisher, *The Design of Experiments*, 1935, section 21): chance published one
    of each pair, so that the sign of each difference was as likely the other. Exact for any
    number of pairs by the distribution of signed ranks (up to some 500, ties and all; random signs
    beyond), or of means (up to 14 pairs).

    Args:
        differences: shape (pairs,): a signal of the published text minus that of its twin.
        reason: "random-twin": which of each pair was published was drawn at random.
        clusters: of each pair; the pairs of one were drawn together, and count once, as their
            mean.
        statistic: "rank": signed ranks, whatever the tails; "mean": the mean difference.
        two_sided: whether an unpublished twin that is likelier counts as evidence, too.
        texts: of each pair the published text, then its twin: with them a blind baseline (see
            `paired_baseline`) shows whether twins were made alike; if not, the verdict is at most
            "differs".
        method: "twin", or "paraphrase" where the twin is another wording.

    Returns:
        `statistic` is the mean difference ("mean"), or the difference that exceeds 0 as often as
        not: the share of sums of ranks that is positive, -1 to 1 ("rank").

    Raises:
        InputError: for another reason, no differences or ones that are not finite, fewer than 99
            draws, a level outside 0–1.
    """
    check_reason(method, reason)
    check_alpha(alpha)
    check_draws(draws)
    apart, items = _apart(differences, clusters)
    if statistic not in ("rank", "mean"):
        raise InputError(f"statistic: wanted rank or mean, got {statistic!r}")
    scores = _signed_ranks(apart) if statistic == "rank" else apart
    null = flipped(scores, draws=draws, rng=np.random.default_rng(seed))
    whole = float(np.abs(scores).sum())
    value = null.observed / (whole if statistic == "rank" and whole else apart.size)
    notes = []
    if zeros := int((apart == 0).sum()):
        notes.append(f"{zeros} of {apart.size} pairs are alike, and say nothing")
    p = null.two_sided if two_sided else null.p
    if two_sided and p <= alpha:
        side = "published" if null.observed > 0 else "other"
        notes.append(f"it is the {side} wording that the subject finds likelier")
    return concluded(
        method, subject=subject, reason=reason, items=items, statistic=value, p=p,
        smallest=min(1.0, null.smallest * (2 if two_sided else 1)), alpha=alpha, notes=notes,
        detects=detects_twin(int((apart != 0).sum()), alpha / 2 if two_sided else alpha),
        blind=_blind(texts, items, clusters), units="pairs",
        detail={"pairs": int(apart.size), "exact": null.exact,
                               "null": null.told(), "observed": null.observed},
    )  # fmt: skip


def paraphrase_test(
    gaps: ArrayLike,
    *,
    reason: str,
    clusters: Labels | None = None,
    statistic: Statistic = "rank",
    texts: Sequence[Sequence[str]] = (),
    subject: str = "subject",
    alpha: float = 0.05,
    draws: int = 9999,
    seed: int = 0,
) -> ExposureTest:
    """Test, two-sided, whether items are likelier word for word than in other words.

    As `twin_test`. It is valid if the published wording was drawn at random from wordings made
    alike ("random-twin"); paraphrases made afterwards by a person or a model have a style, and a
    subject may prefer either style without having seen any.
    """
    return twin_test(
        gaps, reason=reason, clusters=clusters, statistic=statistic, two_sided=True, texts=texts,
        subject=subject, alpha=alpha, draws=draws, seed=seed, method="paraphrase",
    )  # fmt: skip


def correct_twin_test(
    published: ArrayLike,
    twins: ArrayLike,
    *,
    reason: str,
    clusters: Labels | None = None,
    texts: Sequence[Sequence[str]] = (),
    subject: str = "subject",
    alpha: float = 0.05,
    draws: int = 9999,
    seed: int = 0,
) -> ExposureTest:
    """Test whether published items are answered right more often than their secret twins.

    For subjects that give no log-probabilities. The exact McNemar test, one-sided; with clusters,
    or scores other than 0 and 1, flips of the signs of their mean differences.

    Args:
        published, twins: shape (pairs,): right (1) or not (0) on the published item, on its twin.
        others: as in `twin_test`.

    Returns:
        `statistic` is the difference of the two rates.

    Raises:
        InputError: as `twin_test`; for scores of unequal number.
    """
    left, right = np.asarray(published, float), np.asarray(twins, float)
    if left.shape != right.shape:
        raise InputError(f"twins: wanted as many as published, {left.shape}, got {right.shape}")
    binary = bool(np.isin(left, (0, 1)).all() and np.isin(right, (0, 1)).all())
    if clusters is not None or not binary:
        return twin_test(
            left - right, reason=reason, clusters=clusters, statistic="mean", texts=texts,
            subject=subject, alpha=alpha, draws=draws, seed=seed, method="correct-twin",
        )  # fmt: skip
    check_reason("correct-twin", reason)
    check_alpha(alpha)
    _apart(left - right, None)
    only, other = int((left > right).sum()), int((left < right).sum())
    return concluded(
        "correct-twin", subject=subject, reason=reason, items=left.size,
        statistic=float((left - right).mean()), alpha=alpha, units="pairs",
        p=mcnemar(only, other, alternative="greater"), smallest=0.5 ** (only + other),
        detects=detects_twin(only + other, alpha), blind=_blind(texts, left.size, clusters),
        detail={"pairs": left.size, "only_published": only, "only_twin": other},
    )  # fmt: skip


def correct_test(
    correct: ArrayLike,
    published: ArrayLike,
    *,
    reason: str,
    texts: Sequence[str] | None = None,
    subject: str = "subject",
    alpha: float = 0.05,
    draws: int = 9999,
    seed: int = 0,
) -> ExposureTest:
    """Test whether published items are answered right more often than items held out at random.

    Fisher's exact test, one-sided: given how many were right, the split drew which.

    Args:
        correct, published: shape (items,): right or not, published or held out.
        texts: for the blind baseline, as in `split_test`.

    Raises:
        InputError: for another reason, an empty group, values other than 0 and 1.
    """
    check_reason("correct", reason)
    check_alpha(alpha)
    right = np.asarray(correct, float)
    if right.ndim != 1 or right.size < 2 or not np.isin(right, (0, 1)).all():
        raise InputError("correct: wanted 0 or 1 of each item, at least 2")
    mask = grouped(published, right.size)
    k, n, other = int(right[mask].sum()), int(mask.sum()), int((~mask).sum())
    total = int(right.sum())
    most = min(n, total)
    left = None
    if texts is not None:
        rest = beyond(right, texts, mask, None, None)
        left = relabelled(rest.values[:, 0], mask, rest.strata, draws=draws,
                          rng=np.random.default_rng(seed)).p  # fmt: skip
    return concluded(
        "correct", subject=subject, reason=reason, items=right.size,
        statistic=k / n - (total - k) / other, alpha=alpha,
        p=fisher(k, n, total - k, other, alternative="greater"),
        smallest=fisher(most, n, total - most, other, alternative="greater"),
        blind=None if texts is None else blind_baseline(texts, mask, seed=seed), beyond=left,
        detects=detects_rates(n, other, total, alpha),
        detail={"right": [k, total - k], "items": [n, other]},
    )  # fmt: skip


def _blind(
    texts: Sequence[Sequence[str]], pairs: int, clusters: Labels | None
) -> tuple[dict[str, Any], ...]:
    if texts and len(texts) != pairs:
        raise InputError(f"texts: wanted those of {pairs} pairs, got {len(texts)}")
    return paired_baseline(texts, clusters=clusters) if texts else ()


def _apart(differences: ArrayLike, clusters: Labels | None) -> tuple[Floats, int]:
    """One difference a pair, or a cluster of pairs; and how many pairs there are."""
    apart = np.asarray(differences, dtype=float)
    if apart.ndim != 1 or apart.size < 1:
        raise InputError(f"differences: wanted one a pair, got shape {apart.shape}")
    if not np.isfinite(apart).all():
        raise InputError(f"differences: wanted finite, got {apart[~np.isfinite(apart)][0]}")
    size = apart.size
    if clusters is not None:
        of, _ = numbered(clusters, size, "clusters")
        apart = np.bincount(of, apart) / np.bincount(of)
    return np.asarray(apart, dtype=float), size


def _signed_ranks(apart: Floats) -> Floats:
    """Twice the mid-ranks of sizes, with the signs of the differences; 0 for none."""
    out = np.zeros(apart.size)
    live = apart != 0
    if live.any():
        out[live] = midranks(np.abs(apart[live])) * np.sign(apart[live])
    return out
