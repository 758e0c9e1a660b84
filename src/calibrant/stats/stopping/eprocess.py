"""When does a claim without a design alternative stop? Two e-processes, one for each side."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy.special import logsumexp

from calibrant.errors import DesignError
from calibrant.stats.stopping.designs import Design, assemble, refuting_rows
from calibrant.stats.stopping.paths import Floats, Ints
from calibrant.stats.stopping.ratios import (
    LogRatio,
    Rates,
    check,
    finite_log_ratio,
    first_n,
    last_n,
    log_ratio,
    refutation_ratio,
)

SUPPORT_PRIOR: tuple[tuple[float, float], ...] = (
    (0.0, 0.30), (0.1, 0.02), (0.2, 0.08), (0.3, 0.08), (0.4, 0.16),
    (0.5, 0.16), (0.6, 0.08), (0.7, 0.06), (0.8, 0.04), (0.9, 0.02),
)  # fmt: skip
"""Rates that support is bet on, as shares of the threshold, with their weights.

Chosen to need at most 1.3 times the power-one bound log(1/alpha)/KL without any event and at most
1.2 times at rates up to 0.6 of the threshold (`benchmarks/sequential.py` prints the figures).
"""

REFUTE_PRIOR: tuple[tuple[float, float], ...] = (
    (0.15, 0.15), (0.3, 0.25), (0.6, 0.25), (1.2, 0.2), (2.5, 0.15)
)  # fmt: skip
"""Rates that refutation is bet on, in log-odds above the threshold, with their weights."""


def _mixture(parts: list[tuple[LogRatio, float]]) -> LogRatio:
    def ratio(n: Ints, k: Ints) -> Floats:
        terms = np.stack([math.log(w) + r(n, k) for r, w in parts])
        return np.asarray(logsumexp(terms, axis=0))

    return ratio


def support_mixture(rates: Rates) -> LogRatio:
    t = rates.threshold
    if rates.items is None:
        return _mixture([(log_ratio(x * t, t, None), w) for x, w in SUPPORT_PRIOR])
    false = rates.false_events
    parts = [
        (finite_log_ratio(min(math.floor(x * false), false - 1), false, rates.items), w)
        for x, w in SUPPORT_PRIOR
    ]
    return _mixture(parts)


def refute_mixture(rates: Rates) -> LogRatio:
    z = math.log(rates.doubt / (1 - rates.doubt))
    return _mixture(
        [(refutation_ratio(rates, 1 / (1 + math.exp(-(z + d)))), w) for d, w in REFUTE_PRIOR]
    )


@lru_cache(maxsize=256)
def anytime(
    threshold: float,
    *,
    alpha: float = 0.05,
    at_most: int | None = None,
    items: int | None = None,
    doubt: float | None = None,
) -> Design:
    """An anytime-valid test of "rate below threshold" that needs no design alternative.

    Support when the e-process against the threshold reaches 1/alpha, refutation when the one
    against all rates below it does. Looking after every trial is allowed (Ville's inequality);
    the exact error rates are therefore below alpha. Futile when `at_most` cannot be met any more.

    Args:
        threshold, alpha, items, doubt: as `sprt`.
        at_most: largest number of trials; by default 20 times what a run without a single event
            (or of nothing but events) needs.

    Raises:
        DesignError: as `sprt`.
    """
    rates = check(threshold, None, alpha, items, doubt)
    bound = math.log(1 / alpha)
    ratio = support_mixture(rates)
    against = refute_mixture(rates)
    far = items or math.ceil(200 * bound / min(threshold, 1 - threshold))
    first = int(first_n(ratio, bound, 1, far)[0])
    if items is not None:
        first = min(first, items - rates.false_events + 1)
    horizon = at_most or 20 * max(first, _first_refutation(against, bound, far))
    horizon = horizon if items is None else min(horizon, items)
    if first > horizon:
        raise DesignError(
            f"at_most {horizon} is too few: even without a single event, {first} trials are "
            f"needed to show a rate below {threshold:g} at alpha {alpha:g}"
        )
    rows = refuting_rows(rates, horizon, 1, against, bound)
    support = first_n(ratio, bound, rows, horizon)
    refute = last_n(against, bound, rows, horizon)
    boundary = assemble(rates, support, refute, refute, horizon)
    return Design("anytime", rates, alpha, None, boundary, {"bound": bound})


def _first_refutation(against: LogRatio, bound: float, far: int) -> int:
    """The smallest number of trials, all of them events, that refutes."""
    n = np.arange(1, far + 1, dtype=np.int64)
    enough = np.flatnonzero(against(n, n) >= bound)
    return int(n[enough[0]]) if enough.size else far
