"""Do settled forecasts say no more than they can? Certificates of a track of forecasts.

Outcomes miss together within families: their errors, in forecasts' standard deviations, are normal
with a part that a family shares.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import ndtr, ndtri

from calibrant.scaling.cards.track import FAMILIES, LEVEL, track
from calibrant.scaling.families import mean_interval
from calibrant.scaling.stacking.against import FLOOR
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes
from calibrant.stats.estimates.intervals import clopper_pearson

_PROMISED = 0.9


def _draw(regime: Regime, rng: np.random.Generator) -> tuple[np.ndarray, list[str]]:
    """Errors of forecasts, and the family of each."""
    groups, each = int(regime["families"]), int(regime["each"])
    together = float(regime["alike"])
    shared = np.repeat(rng.normal(size=groups), each)
    own = rng.normal(size=groups * each)
    errors = float(regime["spread"]) * (together**0.5 * shared + (1 - together) ** 0.5 * own)
    return errors, [str(i // each) for i in range(groups * each)]


def _truth(spread: float) -> tuple[float, float]:
    """The share that intervals hold, and the mean log score, of standard normal forecasts."""
    reach = float(ndtri((1 + _PROMISED) / 2))
    return float(2 * ndtr(reach / spread) - 1), -0.5 * float(np.log(2 * np.pi)) - spread**2 / 2


def _batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """How often the intervals of a track hold, and how often it says that a promise was broken."""
    names = ("covered", "blamed", "praised", "mean covered", "width", "pooled covered",
             "pooled blamed", "pooled mean covered")  # fmt: skip
    sums = dict.fromkeys(names, 0.0)
    share, score = _truth(float(regime["spread"]))
    for _ in range(draws):
        z, family = _draw(regime, rng)
        log = -0.5 * np.log(2 * np.pi) - z**2 / 2
        pit = ndtr(z)
        inside = np.abs(pit - 0.5) <= _PROMISED / 2
        found = track(
            [float(x) for x in log], [0.1] * z.size, family, _PROMISED,
            pit=[float(p) for p in pit], inside=[bool(i) for i in inside],
        )  # fmt: skip
        low, high = found.coverage_interval or (0.0, 1.0)
        below, above = found.log_score_interval or (-np.inf, np.inf)
        plain = clopper_pearson(int(inside.sum()), z.size, level=LEVEL)
        alone = mean_interval(
            np.maximum(log, FLOOR), [str(i) for i in range(z.size)], level=LEVEL, least=FAMILIES
        )
        alone = alone or (-np.inf, np.inf)
        for name, value in (
            ("covered", low <= share <= high),
            ("blamed", "fewer than" in found.says),
            ("praised", "more than" in found.says),
            ("mean covered", below <= score <= above),
            ("width", high - low),
            ("pooled covered", plain.low <= share <= plain.high),
            ("pooled blamed", plain.high < _PROMISED),
            ("pooled mean covered", alone[0] <= score <= alone[1]),
        ):  # fmt: skip
            sums[name] += float(value)
    return {name: total / draws for name, total in sums.items()}


CERTIFICATES = (
    Certificate(
        name="settled-track",
        method="calibrant.scaling.cards.track.track",
        statement=(
            "Of settled forecasts in 6 families or more whose errors are correlated up to 0.5 "
            "within families, the 90 % interval for the share that their intervals held contains "
            "it in at least 87 % of cases, and the one for the mean log score (of 10 families or "
            "more) in at least 82 %, as log scores are skewed; honest forecasts are blamed for too "
            "narrow intervals in at most 6 % of cases, and for too wide ones in at most 6 %."
        ),
        regimes=regimes(
            "families each alike spread",
            (6, 1, 0.0, 1.0), (20, 1, 0.0, 1.0), (6, 4, 0.3, 1.0), (8, 8, 0.5, 1.0),
            (12, 4, 0.3, 1.0), (25, 2, 0.5, 1.0),
        ),
        batch=_batch,
        bounds={
            "covered": Bound(low=0.87),
            "blamed": Bound(high=0.06),
            "praised": Bound(high=0.06),
            "mean covered": Bound(low=0.82),
        },
        peers={"pooled": "forecasts taken as independent: Clopper–Pearson, and Student's t"},
        beyond=regimes(
            "families each alike spread",
            (3, 6, 0.8, 1.0), (8, 8, 0.9, 1.0), (12, 4, 0.5, 2.0), (20, 1, 0.0, 0.5),
        ),
        batch_draws=50,
    ),
)  # fmt: skip
