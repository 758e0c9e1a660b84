"""How strong is the evidence against a claim, and against many? E-values and what joins them.

An e-value is a non-negative number whose mean is at most 1 if the null hypothesis is true: 20 is
evidence at level 0.05. Vovk and Wang, Ann. Stat. 49 (2021) 1736; Ramdas and Wang, *Hypothesis
Testing with E-values*, 2025.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincc, betaln, logsumexp, xlog1py, xlogy

from calibrant.errors import InputError
from calibrant.stats.estimates.betting import check_level, log_capital, numbers, unit
from calibrant.stats.stopping.eprocess import REFUTE_PRIOR, SUPPORT_PRIOR
from calibrant.stats.stopping.ratios import check, finite_log_ratio, log_ratio, refutation_ratio

Floats = NDArray[np.float64]
Evidence = Literal["below", "above"]


@dataclass(frozen=True)
class EValue:
    """Evidence against a null hypothesis.

    Attributes:
        log: natural logarithm of the e-value; -inf for 0.
        null: the hypothesis it speaks against, in words.
        method: how it was found.
        anytime: whether it may be computed at any time a run happens to stop.
    """

    log: float
    null: str
    method: str
    anytime: bool = True

    @property
    def value(self) -> float:
        """The e-value, or the largest float if it is larger: still an e-value."""
        return math.exp(min(self.log, 709.0))

    @property
    def p(self) -> float:
        """The p-value it implies, min(1, 1/e)."""
        return math.exp(-max(self.log, 0.0)) if self.log < 745 else 0.0

    def __repr__(self) -> str:
        return f"e = {self.value:.4g} against “{self.null}” ({self.method})"

    def to_dict(self) -> dict[str, Any]:
        """Plain data; `log` is None for an e-value of 0."""
        return {
            "log": self.log if math.isfinite(self.log) else None,
            "value": self.value,
            "null": self.null,
            "method": self.method,
            "anytime": self.anytime,
        }


@dataclass(frozen=True)
class Discoveries:
    """Which of many null hypotheses are rejected, and at which false discovery rate.

    Attributes:
        rejected: shape (hypotheses,), booleans in the order given.
        level: the false discovery rate that is promised.
        threshold: the e-value from which on a hypothesis was rejected; inf if none was.
    """

    rejected: NDArray[np.bool_]
    level: float
    threshold: float

    def __repr__(self) -> str:
        return (
            f"{int(self.rejected.sum())} of {self.rejected.size} hypotheses rejected by e-BH, "
            f"false discovery rate at most {self.level:g}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data; no threshold is None."""
        finite = math.isfinite(self.threshold)
        return {
            "rejected": self.rejected.tolist(),
            "level": self.level,
            "threshold": self.threshold if finite else None,
        }


def e_bh(evalues: ArrayLike, *, level: float = 0.05) -> Discoveries:
    """Reject the k largest of K e-values, for the largest k at which all reach K/(k × level).

    The false discovery rate is at most `level`, whatever the dependence of the e-values (Wang and
    Ramdas, JRSS-B 84 (2022) 822, section 4.1).

    Args:
        evalues: shape (K,), non-negative.
        level: false discovery rate in 0–1.

    Raises:
        InputError: for a negative e-value, one that is not finite, or a level outside 0–1.
    """
    e = _evalues(evalues)
    check_level(level)
    order = np.sort(e)[::-1]
    rank = np.arange(1, e.size + 1)
    # A little below K/(k level): a product that ought to be exact must not miss by rounding.
    enough = np.flatnonzero(order >= e.size / (rank * level) * (1 - 1e-12))
    if enough.size == 0:
        return Discoveries(np.zeros(e.size, dtype=bool), level, math.inf)
    threshold = float(order[enough[-1]])
    return Discoveries(e >= threshold, level, threshold)


def merge_product(evalues: Sequence[EValue], *, null: str) -> EValue:
    """The product of independent e-values (or each valid given those before): an e-value.

    For the null hypothesis that all of theirs are true. Vovk and Wang (2021), section 4.

    Raises:
        InputError: without any.
    """
    _some(evalues)
    logs = [e.log for e in evalues]
    log = -math.inf if -math.inf in logs else math.fsum(logs)
    return EValue(log, null, f"product of {len(logs)}", all(e.anytime for e in evalues))


def merge_mean(evalues: Sequence[EValue], *, null: str, weights: ArrayLike | None = None) -> EValue:
    """The (weighted) mean of e-values, however they depend on each other: an e-value.

    For the null hypothesis that all of theirs are true; nothing symmetric is better in general
    (Vovk and Wang (2021), section 3). It is anytime-valid only if all share one clock.

    Raises:
        InputError: without any, or for weights that do not match or are not above 0.
    """
    _some(evalues)
    w = np.ones(len(evalues)) if weights is None else numbers(weights, "weights")
    if w.size != len(evalues) or np.any(w <= 0):
        raise InputError(f"weights: wanted {len(evalues)} above 0, got {w.tolist()}")
    log = float(logsumexp([e.log for e in evalues], b=w / w.sum()))
    return EValue(log, null, f"mean of {w.size}", all(e.anytime for e in evalues))


def rate_e_value(
    k: int, n: int, threshold: float, *, evidence: Evidence = "below", items: int | None = None
) -> EValue:
    """Evidence that a rate of events lies below (or above) a threshold, from k events in n trials.

    The mixture likelihood ratio of `calibrant.stats.anytime`.

    Args:
        k, n: events and trials, 0 ≤ k ≤ n.
        threshold: rate strictly between 0 and 1. "below" speaks against "rate ≥ threshold",
            "above" against "rate < threshold".
        items: size of the finite set drawn from without replacement, or None.

    Raises:
        InputError: for impossible counts or a threshold outside 0–1.
    """
    rates = check(threshold, None, 0.05, items)
    if not 0 <= k <= n or (items is not None and n > items):
        raise InputError(f"counts: wanted 0 ≤ events ≤ trials, at most the items, got {k} of {n}")
    _evidence(evidence)
    at = np.array([n], dtype=np.int64), np.array([k], dtype=np.int64)
    if evidence == "above":
        z = math.log(threshold / (1 - threshold))
        parts = [
            (refutation_ratio(rates, 1 / (1 + math.exp(-(z + d)))), w) for d, w in REFUTE_PRIOR
        ]
    elif items is None:
        parts = [(log_ratio(x * threshold, threshold, None), w) for x, w in SUPPORT_PRIOR]
    else:
        false = rates.false_events
        parts = [
            (finite_log_ratio(min(math.floor(x * false), false - 1), false, items), w)
            for x, w in SUPPORT_PRIOR
        ]
    log = float(logsumexp([ratio(*at)[0] for ratio, _ in parts], b=[w for _, w in parts]))
    null = f"rate {'≥' if evidence == 'below' else '<'} {threshold:g}"
    return EValue(log, null, f"mixture likelihood ratio, {k} of {n}")


def mean_e_value(
    values: ArrayLike,
    threshold: float,
    *,
    evidence: Evidence = "below",
    low: float = 0.0,
    high: float = 1.0,
) -> EValue:
    """Evidence that the mean of bounded scores lies below (or above) a threshold, by betting.

    The mixture of constant bets of `calibrant.stats.estimates.betting`; the order does not matter.

    Args:
        values: shape (n,), scores in `low`–`high`.
        threshold: strictly inside the range.

    Raises:
        InputError: for scores outside the range or a threshold that is not inside it.
    """
    x = unit(values, low, high)
    _evidence(evidence)
    if not low < threshold < high:
        raise InputError(f"threshold: wanted inside {low:g}–{high:g}, got {threshold!r}")
    m = (threshold - low) / (high - low)
    below = evidence == "below"
    log = log_capital(x, m) if below else log_capital(1 - x, 1 - m)
    null = f"mean {'≥' if below else '≤'} {threshold:g}"
    return EValue(log, null, f"betting, {x.size} scores")


def paired_e_value(
    left: ArrayLike,
    right: ArrayLike,
    *,
    margin: float = 0.0,
    low: float = 0.0,
    high: float = 1.0,
) -> EValue:
    """Evidence that `left` scores more than `margin` above `right` on the same items.

    Betting on the differences, rescaled from their range to 0–1. For verdicts of 0 and 1 at
    margin 0, `sign_e_value` uses that ties say nothing and is sharper.

    Args:
        left, right: shape (n,), scores of the two subjects on the same items, in `low`–`high`.
        margin: the mean difference to exceed, within ±(high - low); negative for non-inferiority.

    Raises:
        InputError: for lengths that differ, or scores or a margin outside the range.
    """
    a, b = unit(left, low, high, "left"), unit(right, low, high, "right")
    if a.size != b.size:
        raise InputError(f"right: wanted one for each of {a.size} on the left, got {b.size}")
    width = high - low
    if not -width < margin < width:
        raise InputError(f"margin: wanted within ±{width:g}, got {margin!r}")
    log = log_capital((b - a + 1) / 2, (1 - margin / width) / 2)
    return EValue(log, f"mean difference ≤ {margin:g}", f"betting, {a.size} pairs")


def sign_e_value(wins: int, losses: int) -> EValue:
    """Evidence that wins are more likely than losses; ties are left out.

    The likelihood ratio over 1/2 of a win rate with Jeffreys' prior on 1/2–1: an e-process
    against every smaller win rate (Ramdas and Wang, 2025, chapter 3).

    Raises:
        InputError: for negative counts.
    """
    if min(wins, losses) < 0:
        raise InputError(f"counts: wanted at least 0, got {wins} wins and {losses} losses")
    a, b = wins + 0.5, losses + 0.5
    share = float(betaincc(a, b, 0.5))
    log = -math.inf if share == 0 else float(
        betaln(a, b) - betaln(0.5, 0.5) + math.log(2 * share) + (wins + losses) * math.log(2)
    )  # fmt: skip
    return EValue(log, "wins are at most as likely as losses", f"sign, {wins} to {losses}")


def two_rates_e_value(k_a: int, n_a: int, k_b: int, n_b: int) -> EValue:
    """Evidence that subject a has a lower rate of events than b, from independent trials.

    Turner, Ly and Grünwald, J. Stat. Plan. Inference 230 (2024) 106116: the likelihood of a pair
    of rates over that of their common mean, averaged over a grid of pairs with a below b. Valid
    against every pair with a's rate at least b's (by Jensen's inequality), for numbers of trials
    fixed beforehand; at any time if the looks keep n_a : n_b as planned.

    Args:
        k_a, n_a, k_b, n_b: events and trials of each.

    Raises:
        InputError: for impossible counts.
    """
    for k, n, name in ((k_a, n_a, "a"), (k_b, n_b, "b")):
        if not 0 <= k <= n or n < 1:
            raise InputError(f"counts of {name}: wanted 0 ≤ events ≤ trials ≥ 1, got {k} of {n}")
    rates = np.concatenate([[0.0], 1 / (1 + np.exp(-np.linspace(-7, 7, 57))), [1.0]])
    first, second = np.triu_indices(rates.size, 1)
    a, b = rates[first], rates[second]
    both = (n_a * a + n_b * b) / (n_a + n_b)
    with np.errstate(divide="ignore"):
        terms = (
            xlogy(k_a, a) + xlog1py(n_a - k_a, -a) + xlogy(k_b, b) + xlog1py(n_b - k_b, -b)
            - xlogy(k_a + k_b, both) - xlog1py(n_a + n_b - k_a - k_b, -both)
        )  # fmt: skip
    log = float(logsumexp(terms) - math.log(terms.size))
    return EValue(log, "rate of a ≥ rate of b", f"{k_a} of {n_a}, {k_b} of {n_b}", n_a == n_b)


def _evalues(evalues: ArrayLike) -> Floats:
    e = numbers(evalues, "evalues")
    if np.any(e < 0):
        at = int(np.flatnonzero(e < 0)[0])
        raise InputError(f"evalues: wanted at least 0, got {e[at]:g} at {at}")
    return e


def _some(evalues: Sequence[EValue]) -> None:
    if not evalues:
        raise InputError("evalues: wanted at least one, got none")


def _evidence(evidence: str) -> None:
    if evidence not in ("below", "above"):
        raise InputError(f"evidence: wanted 'below' or 'above', got {evidence!r}")
