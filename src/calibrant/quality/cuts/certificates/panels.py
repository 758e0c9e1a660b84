"""How often do the intervals of panels' cuts hold? Angoff and bookmark, with few raters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri

from calibrant.quality.bank import Bank, two_pl
from calibrant.quality.cuts.angoff import angoff
from calibrant.quality.cuts.booklet import booklet
from calibrant.quality.cuts.bookmark import bookmark, score_at
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes

Floats = NDArray[np.float64]

_Z = float(ndtri(0.975))
_NODES = 40


def angoff_draw(regime: Regime, rng: np.random.Generator) -> tuple[Floats, float, float]:
    """Judgements, and the true cut on these items and on all of their kind.

    The regime's keys: raters; items; severity, the standard deviation of raters on the logit scale,
    normal or (skewed) exponential; missing, the share of judgements left out; yes, whether raters
    say yes or no. Items differ by 1, single judgements by 0.6.
    """
    n, m = int(regime["raters"]), int(regime["items"])
    hard = 0.6 + rng.normal(0, 1, m)
    sd = float(regime["severity"])
    severity = sd * (rng.exponential(1, n) - 1) if regime["skewed"] else rng.normal(0, sd, n)
    p = expit(hard + severity[:, None] + rng.normal(0, 0.6, (n, m)))
    values = (rng.random((n, m)) < p).astype(float) if regime["yes"] else p
    if regime["missing"]:
        values[rng.random((n, m)) < regime["missing"]] = np.nan
    return values, float(_expected(hard, regime).mean()), _everywhere(regime)


def _expected(hard: Floats, regime: Regime) -> Floats:
    """What all raters of the kind judge of items on average."""
    z, w = np.polynomial.hermite_e.hermegauss(_NODES)
    w = w / w.sum()
    if regime["skewed"]:
        e, v = np.polynomial.laguerre.laggauss(_NODES)
        s, sw = regime["severity"] * (e - 1), v
    else:
        s, sw = regime["severity"] * z, w
    logits = hard[:, None, None] + s[None, :, None] + 0.6 * z
    found: Floats = np.einsum("mse,s,e->m", expit(logits), sw, w)
    return found


def _everywhere(regime: Regime) -> float:
    z, w = np.polynomial.hermite_e.hermegauss(_NODES)
    return float(w / w.sum() @ _expected(0.6 + z, regime))


def _angoff_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    names = ("covered here", "covered of the kind", "width here", "normal covered here",
             "all judgements covered here", "items only covered here")  # fmt: skip
    sums = dict.fromkeys(names, 0.0)
    for _ in range(draws):
        values, here, everywhere = angoff_draw(regime, rng)
        fixed = angoff(values)
        kind = angoff(values, items="sampled").cut
        cut, seen = fixed.cut, values[~np.isnan(values)]
        sums["covered here"] += cut.low <= here <= cut.high
        sums["covered of the kind"] += kind.low <= everywhere <= kind.high
        sums["width here"] += cut.high - cut.low
        mean = float(seen.mean())
        columns = np.nanmean(values[:, (~np.isnan(values)).any(axis=0)], axis=0)
        for name, error in (
            ("normal", fixed.standard_error_fixed),
            ("all judgements", float(np.std(seen, ddof=1)) / math.sqrt(seen.size)),
            ("items only", float(np.std(columns, ddof=1)) / math.sqrt(columns.size)),
        ):
            sums[f"{name} covered here"] += abs(mean - here) <= _Z * error
    return {name: total / draws for name, total in sums.items()}


def bookmark_draw(regime: Regime, rng: np.random.Generator) -> tuple[dict[str, int], Bank, float]:
    """Marks, the calibrated bank with which the booklet was made, and the true score cut.

    The regime's keys: raters; items; spread of raters' own cuts in ability; error, the standard
    error of items' intercepts, that of their slopes being as large.
    """
    m = int(regime["items"])
    true = two_pl(rng.lognormal(0, 0.3, m), rng.normal(0, 1.2, m))
    place = float(rng.uniform(-0.5, 0.7))
    own = place + rng.normal(0, regime["spread"], int(regime["raters"]))
    e = float(regime["error"])
    # What calibration saw of the items, and how sure it was.
    seen = replace(
        true,
        discrimination=np.maximum(true.discrimination + rng.normal(0, e, m), 0.2),
        intercepts=true.intercepts + rng.normal(0, e, (m, 1)),
        covariance=np.tile(np.diag([e**2, e**2]), (m, 1, 1)),
    )
    located = {p.item: p.location for p in booklet(true)[0]}
    at = np.array([located[name] for name in true.items])
    # A rater knows how many items are within reach, not what calibration made of their order.
    marks = {f"r{i}": int((at <= o).sum()) + 1 for i, o in enumerate(own)}
    return marks, seen, score_at(true, place)


def _bookmark_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    names = ("covered", "width", "raters only covered", "normal covered", "before covered")
    sums = dict.fromkeys(names, 0.0)
    for _ in range(draws):
        marks, bank, truth = bookmark_draw(regime, rng)
        found = bookmark(marks, bank)
        cut = found.cut
        sums["covered"] += cut.low <= truth <= cut.high
        sums["width"] += cut.high - cut.low
        assert cut.standard_error is not None
        sums["normal covered"] += abs(cut.value - truth) <= _Z * cut.standard_error
        sums["raters only covered"] += abs(cut.value - truth) <= _Z * found.rater_error
        before = bookmark(marks, replace(bank, covariance=None), at="before")
        sums["before covered"] += abs(before.cut.value - truth) <= _Z * before.rater_error
    return {name: total / draws for name, total in sums.items()}


ANGOFF = regimes(
    "raters items severity skewed missing yes",
    (5, 40, 0.4, False, 0.0, False),
    (8, 20, 0.2, False, 0.0, False),
    (8, 40, 0.4, False, 0.3, False),
    (15, 60, 0.4, False, 0.0, False),
    (6, 30, 0.4, False, 0.0, True),
)

ANGOFF_BEYOND = regimes(
    "raters items severity skewed missing yes",
    (5, 40, 0.4, True, 0.0, False),
    (15, 60, 0.4, True, 0.0, False),
)

BOOKMARKS = regimes(
    "raters items spread error",
    (5, 60, 0.3, 0.1), (8, 60, 0.2, 0.2), (15, 100, 0.3, 0.2), (15, 100, 0.1, 0.3),
)  # fmt: skip

BOOKMARKS_BEYOND = regimes("raters items spread error", (8, 12, 0.1, 0.1))

CERTIFICATES = (
    Certificate(
        "cut-angoff",
        "calibrant.items.angoff",
        "The 95 % interval of an Angoff cut holds what all raters of the kind would set at least "
        "93 % of the time, for these items and for all of their kind, with 5 to 15 raters, told as "
        "probabilities or yes and no, and with missing judgements; beyond: severities with a long "
        "tail.",
        ANGOFF,
        _angoff_batch,
        {"covered here": Bound(low=0.93, slack=0.01),
         "covered of the kind": Bound(low=0.93, slack=0.01)},
        {
            "normal": "the standard error over raters with a normal quantile",
            "all judgements": "every judgement as independent",
            "items only": "the spread over items, raters taken as exact",
        },
        beyond=ANGOFF_BEYOND,
        batch_draws=50,
    ),
    Certificate(
        "cut-bookmark",
        "calibrant.items.bookmark",
        "The 95 % interval of a bookmark cut holds the score that all raters of the kind mean at "
        "least 93 % of the time, with 5 to 15 raters and items that are not known exactly.",
        BOOKMARKS,
        _bookmark_batch,
        {"covered": Bound(low=0.93, slack=0.01)},
        {
            "raters only": "items taken as known, normal quantile",
            "normal": "the whole standard error with a normal quantile",
            "before": "the last page before the mark, items taken as known, normal quantile",
        },
        beyond=BOOKMARKS_BEYOND,
        batch_draws=25,
    ),
)  # fmt: skip
