"""Do claims hold for the next subject as often as is said? Made families with a truth."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from calibrant.scaling.transfer.holds import will_hold, worth
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes

Floats = NDArray[np.float64]


def _spread(regime: Regime, rng: np.random.Generator) -> float:
    of_prior = regime["spread"] == "prior"
    return float(abs(rng.standard_cauchy()) if of_prior else regime["spread"])


def _transfer(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Families whose mean is drawn about the threshold; does the next one's rate satisfy it?"""
    k, n, cut = int(regime["k"]), int(regime["trials"]), float(regime["threshold"])
    said, truth, pooled, counted = (np.empty(draws) for _ in range(4))
    for i in range(draws):
        mean = float(logit(cut)) + rng.normal(0, regime["means"])
        eta = mean + _spread(regime, rng) * rng.normal(size=k + 1)
        if regime.get("shift"):
            eta[k] += regime["shift"]
        x = rng.binomial(n, expit(eta[:k]))
        found = will_hold(x, np.full(k, float(n)), threshold=cut, checks=False)
        assert found.probability is not None
        said[i], truth[i] = found.probability, float(eta[k] < logit(cut))
        # All trials as if of one subject; and one more than so many of the verdicts.
        rate = (x.sum() + 0.5) / (k * n + 1)
        error = float(np.sqrt(rate * (1 - rate) / (k * n + 1)))
        pooled[i] = float(rate + 1.645 * error < cut)
        counted[i] = (np.sum(x / n < cut) + 1) / (k + 2)
    return _scored(said, truth, {"pooled": pooled, "share of verdicts": counted})


def _on_scale(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Families about a line in scale; does the next, larger one's rate satisfy the claim?"""
    k, n, cut = int(regime["k"]), 300, 0.05
    z = np.linspace(-0.5, 0.5, k)
    at = 0.5 + float(regime["beyond"])
    said, truth, largest, counted = (np.empty(draws) for _ in range(4))
    for i in range(draws):
        mean, slope = float(logit(cut)) + rng.normal(0, 1.0), rng.normal(0, regime["slopes"])
        where = np.append(z, at)
        bent = float(regime.get("bend") or 0.0) * np.maximum(where - 0.5, 0)
        eta = mean + slope * where + bent + _spread(regime, rng) * rng.normal(size=k + 1)
        x = rng.binomial(n, expit(eta[:k]))
        found = will_hold(
            x, np.full(k, float(n)), threshold=cut, scale=z, at=at, checks=False
        )  # fmt: skip
        assert found.probability is not None
        said[i], truth[i] = found.probability, float(eta[k] < logit(cut))
        largest[i] = float(x[-1] / n < cut)
        counted[i] = (np.sum(x / n < cut) + 1) / (k + 2)
    return _scored(said, truth, {"largest subject": largest, "share of verdicts": counted})


def _by_gold(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Graders that err: rates corrected by one study of gold, as one card serves all subjects."""
    k, n, gold, cut = int(regime["k"]), 400, int(regime["gold"]), float(regime["threshold"])
    sense, false = 0.9, float(regime["false_alarms"])
    said, truth, graded, whole = (np.empty(draws) for _ in range(4))
    for i in range(draws):
        eta = float(logit(cut)) + rng.normal(0, 1.0) + 0.5 * rng.normal(size=k + 1)
        rate = expit(eta)
        seen = rng.binomial(n, sense * rate[:k] + false * (1 - rate[:k]))
        hits, alarms = rng.binomial(gold, sense), rng.binomial(gold, false)
        values, errors = _corrected(seen, n, hits, alarms, gold)
        pairs = [worth(v, e, float(n)) for v, e in zip(values, errors, strict=True)]
        x, m = (np.array(a) for a in zip(*pairs, strict=True))
        said[i], truth[i] = _chance(x, m, cut), float(eta[k] < logit(cut))
        graded[i] = _chance(seen.astype(float), np.full(k, float(n)), cut)
        whole[i] = _chance(values * n, np.full(k, float(n)), cut)
    return _scored(said, truth, {"as graded": graded, "corrected, all trials": whole})


def _corrected(seen: Floats, n: int, hits: int, alarms: int, gold: int) -> tuple[Floats, Floats]:
    """Rogan and Gladen's rate and its standard error, by the delta method."""
    q, s, f = seen / n, (hits + 0.5) / (gold + 1), (alarms + 0.5) / (gold + 1)
    apart = max(s - f, 0.05)
    value = np.clip((q - f) / apart, 0.0, 1.0)
    q = np.clip(q, 0.5 / n, 1 - 0.5 / n)
    variance = q * (1 - q) / n + ((1 - value) ** 2 * f * (1 - f) + value**2 * s * (1 - s)) / gold
    return value, np.sqrt(variance) / apart


def _chance(x: Floats, n: Floats, cut: float) -> float:
    found = will_hold(x, n, threshold=cut, checks=False).probability
    assert found is not None
    return found


def _scored(said: Floats, truth: Floats, peers: Mapping[str, Floats]) -> dict[str, float]:
    sure = said >= 0.9
    found = {
        "calibration error": calibration(said, truth),
        "brier": float(np.mean((said - truth) ** 2)),
        "said 0.9 or more": float(np.mean(sure)),
        "then held": float(truth[sure].mean()) if sure.any() else 1.0,
    }
    for name, theirs in peers.items():
        found[f"{name} calibration error"] = calibration(theirs, truth)
        found[f"{name} brier"] = float(np.mean((theirs - truth) ** 2))
    return found


def calibration(said: Floats, truth: Floats) -> float:
    """Mean distance of what was said and what came, in five bins, weighted by their sizes."""
    cell = np.minimum((said * 5).astype(int), 4)
    gaps = [abs(float(np.sum(said[cell == b] - truth[cell == b]))) for b in range(5)]
    return sum(gaps) / said.size


_VERDICTS = "rates below the threshold, plus one, over subjects, plus two"

CERTIFICATES = (
    Certificate(
        name="transfer-verdict",
        method="calibrant.scaling.will_hold",
        statement=(
            "The probability that the next subject of a family satisfies a claim is calibrated "
            "where the family is drawn from the prior, and off by at most 0.1 for families that "
            "differ little or much."
        ),
        regimes=regimes(
            "k trials threshold spread means",
            (2, 300, 0.02, "prior", 2.5), (6, 300, 0.02, "prior", 2.5), (6, 60, 0.3, "prior", 2.5),
            (3, 300, 0.05, 0.3, 1.0), (6, 300, 0.05, 0.3, 1.0),
            (3, 300, 0.05, 1.0, 1.0),
        ),
        beyond=regimes(
            "k trials threshold spread means shift",
            (6, 300, 0.05, 0.5, 1.0, 1.0), (3, 300, 0.05, 2.0, 0.5, 0.0),
        ),
        batch=_transfer,
        bounds={"calibration error": Bound(high=0.1)},
        peers={
            "pooled": "all trials as one subject's: yes where its upper 95 % limit is below",
            "share of verdicts": _VERDICTS,
        },
    ),
    Certificate(
        name="transfer-scale",
        method="calibrant.scaling.will_hold with scale",
        statement=(
            "With a line in scale the probability for the next, larger subject is off by at most "
            "0.1, up to one range of the assessed scales beyond them; not where the line bends "
            "there."
        ),
        regimes=regimes(
            "k beyond slopes spread", (4, 0.25, 2.0, 0.5), (6, 0.25, 2.0, "prior"),
            (6, 1.0, 2.0, 0.5), (6, 0.25, 0.0, 0.5),
        ),
        beyond=regimes("k beyond slopes spread bend", (6, 1.0, 2.0, 0.5, 3.0)),
        batch=_on_scale,
        bounds={"calibration error": Bound(high=0.1)},
        peers={
            "largest subject": "yes where the rate of the largest assessed subject is below",
            "share of verdicts": _VERDICTS,
        },
    ),
    Certificate(
        name="transfer-gold",
        method="calibrant.scaling.transfer.holds.worth",
        statement=(
            "With rates corrected by one study of gold for all subjects, each worth as many trials "
            "as its standard error says, the probability is off by at most 0.12."
        ),
        regimes=regimes(
            "k threshold gold false_alarms", (3, 0.1, 200, 0.02), (6, 0.1, 200, 0.05),
            (6, 0.3, 100, 0.1),
        ),
        beyond=regimes("k threshold gold false_alarms", (6, 0.02, 100, 0.05)),
        batch=_by_gold,
        bounds={"calibration error": Bound(high=0.12)},
        peers={
            "as graded": "the grader's verdicts taken as the truth",
            "corrected, all trials": "corrected rates, as if each trial were by gold",
        },
    ),
)  # fmt: skip
