"""How able is each subject where scores are shares of 0 to 1? A model without categories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.manifold.adequacy import Adequacy
from calibrant.quality.manifold.beside import NOTHING, Beside
from calibrant.quality.manifold.bounded import BoundedItems
from calibrant.quality.manifold.climb import Peak, climb
from calibrant.quality.manifold.limited import FIXED, Limited
from calibrant.quality.manifold.scale import EDGES, Scale
from calibrant.quality.manifold.sift import Sifted, sift
from calibrant.quality.read import read_responses
from calibrant.quality.responses import Responses

Floats = NDArray[np.float64]

PRIOR = 5.0
"""Standard deviation of the prior of slopes, which are in standard deviations of the noise."""


@dataclass(frozen=True, eq=False)
class ContinuousFit:
    """Bounded scores on one ability, which is N(0, 1) among subjects.

    Attributes:
        bank: the calibrated items.
        subjects: names.
        ability: shape (subjects,), posterior means.
        ability_sd: shape (subjects,), posterior standard deviations with the items taken as known:
            for comparing subjects of this calibration.
        ability_se: shape (subjects,), with the error of the calibration, such as where its zero is.
        errors: shape (items, 3), standard errors of discrimination, intercept and precision.
        difficulty_se: shape (items,), of the ability at which the latent response is in the middle
            of the range.
        leaning: shape (items,), share of the slope's information that is the prior's, 0–1.
        between: shape (items,), how many scores lie between the ends.
        log_likelihood: of the scores, by density between the ends and probability at them.
        edges: log-likelihood by edge of the scale, of those that were tried.
        reliability: variance of abilities' means over that plus their mean squared error.
        aside: constant items, which are not fitted.
        adequacy: whether the numbers may be used.
        beside: what is asked of every model.
    """

    bank: BoundedItems
    subjects: tuple[str, ...]
    ability: Floats
    ability_sd: Floats
    ability_se: Floats
    errors: Floats
    difficulty_se: Floats
    leaning: Floats
    between: NDArray[np.int64]
    log_likelihood: float
    edges: dict[float, float]
    reliability: float
    aside: tuple[str, ...]
    adequacy: Adequacy
    level: float = 0.95
    beside: Beside = NOTHING

    def __repr__(self) -> str:
        return (
            f"{len(self.subjects)} subjects and {len(self.bank.items)} items with bounded scores "
            f"on one ability (scale edge {self.bank.edge:g}): log-likelihood "
            f"{self.log_likelihood:.1f}, reliability {self.reliability:.3f}."
        )

    def interval(self) -> tuple[Floats, Floats]:
        """Lower and upper ends for discriminations, each of shape (items,)."""
        far = float(ndtri((1 + self.level) / 2)) * self.errors[:, 0]
        return self.bank.discrimination - far, self.bank.discrimination + far

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        low, high = self.interval()
        bank, e = self.bank, self.errors
        items = [
            {
                "item": name, "discrimination": float(bank.discrimination[j]),
                "difficulty": _ratio(-bank.intercepts[j], bank.discrimination[j]),
                "standard_errors": {
                    "discrimination": float(e[j, 0]), "difficulty": float(self.difficulty_se[j]),
                    "intercept": float(e[j, 1]), "precision": float(e[j, 2]),
                },
                "intervals": {"discrimination": [float(low[j]), float(high[j])]},
                "intercept": float(bank.intercepts[j]), "precision": float(bank.precision[j]),
                "between": int(self.between[j]), "prior_share": float(self.leaning[j]),
                **self.beside.of_item(name),
            }
            for j, name in enumerate(bank.items)
        ]  # fmt: skip
        subjects = [
            {
                "subject": name, "ability": float(self.ability[i]),
                "standard_error": float(self.ability_se[i]),
                "posterior_sd": float(self.ability_sd[i]),
            }
            for i, name in enumerate(self.subjects)
        ]  # fmt: skip
        return {
            "model": "continuous", "log_likelihood": self.log_likelihood,
            "adequacy": self.adequacy.to_dict(), "items": items, "subjects": subjects,
            "reliability": {"empirical": self.reliability},
            "bank_check": self.beside.bank_check, "aside": list(self.aside), "edge": bank.edge,
            "edges": [{"edge": k, "log_likelihood": v} for k, v in self.edges.items()],
            "low": bank.low, "high": bank.high, "level": self.level,
        }  # fmt: skip


def fit_continuous(
    responses: Any, *, edge: float | None = None, level: float = 0.95, **reading: Any
) -> ContinuousFit:
    """Fit bounded scores, such as shares of unit tests passed, without cutting them into classes.

    A latent response, linear in ability with normal noise, is seen between two limits: scores at
    the ends of the range are those beyond it. The scale on which it is linear runs from the score
    itself to its logit and is chosen by the likelihood, unless given.

    Args:
        responses: what `read_responses` takes, with its other arguments.
        edge: of `Scale`, above 0 and at most 0.5; by default the likeliest of `EDGES`.
        level: of intervals.

    Raises:
        InputError: for fewer than 10 subjects or 3 items that vary, or a disconnected design.
        GateError: if no proper maximum was found.
    """
    if edge is not None and not 1e-12 <= edge <= 0.5:
        raise InputError(f"edge: wanted above 0 and at most 0.5, got {edge:g}")
    if not 0 < level < 1:
        raise InputError(f"level: wanted between 0 and 1, got {level:g}")
    found = responses if isinstance(responses, Responses) else read_responses(responses, **reading)
    sifted = sift(found, what="continuous")
    edges = {edge: float("nan")} if edge is not None else {}
    if edge is None:
        edges = _choose(sifted.unit)
        edge = max(edges, key=lambda e: edges[e])
    target = Limited(sifted.unit, Scale(edge), prior=PRIOR)
    peak = climb(target, target.start())
    edges[edge] = peak.at.value
    return _finished(found, sifted, target, peak, edges, level)


def _choose(unit: Floats) -> dict[float, float]:
    """The log-likelihood by edge, near enough to choose one."""
    between = ~np.isnan(unit) & (unit > 0) & (unit < 1)
    if not between.any():
        return {0.5: float("nan")}
    found: dict[float, float] = {}
    x: Floats | None = None
    for edge in EDGES:
        target = Limited(unit, Scale(edge), prior=PRIOR)
        peak = climb(target, target.start() if x is None else x, small=np.inf)
        x, found[edge] = peak.x, peak.at.value
        # The likelihood has one hump in the edge, as far as benchmarks go.
        if found[edge] < max(found.values()) - 10.0:
            break
    return found


def _finished(
    responses: Responses, sifted: Sifted, target: Limited, peak: Peak,
    edges: dict[float, float], level: float,
) -> ContinuousFit:  # fmt: skip
    x = peak.x
    theta, w, log = target.posterior(x)
    mean = (w * theta).sum(axis=1)
    # Which end of ability is up is not in the likelihood: more is what scores more.
    total = target.mean_scores()
    if float(mean @ (total - total.mean())) < 0:
        x = x * np.array([-1.0, 1.0, 1.0])
        target.nodes = None
        theta, w, log = target.posterior(x)
        mean = (w * theta).sum(axis=1)
    at = target.evaluate(x)
    missing, moves = target.observed(x, at.information)
    inverse = missing.inverse()
    adequacy = _adequacy(sifted, target, x, float(log.sum()), peak, inverse is not None)
    adequacy.require("continuous")
    assert inverse is not None
    variance = (w * (theta - mean[:, None]) ** 2).sum(axis=1)
    whole = variance + inverse.variance(moves)
    blocks = inverse.blocks()
    errors = np.sqrt(np.einsum("jaa->ja", blocks))
    tau = np.where(x[:, 2] > FIXED, np.exp(x[:, 2]), 0.0)
    errors[:, 2] *= tau
    bank = BoundedItems(
        tuple(responses.items[j] for j in sifted.kept), x[:, 0], x[:, 1], tau, target.scale.edge,
        responses.low, responses.high,
    )  # fmt: skip
    spread = float(np.var(mean))
    jacobian = float(np.log(responses.high - responses.low)) * int(target.counts.sum())
    return ContinuousFit(
        bank, tuple(responses.subjects[i] for i in sifted.rows), mean, np.sqrt(variance),
        np.sqrt(whole), errors, _of_ratio(x, blocks),
        np.minimum(1.0, target.penalty * errors[:, 0] ** 2),
        target.counts.astype(np.int64), float(log.sum()) - jacobian, edges,
        spread / (spread + float(variance.mean())), sifted.aside, adequacy, level,
    )  # fmt: skip


def _ratio(over: float, under: float) -> float | None:
    """A quotient; None where the divisor is 0."""
    return None if under == 0 else float(over / under)


def _of_ratio(x: Floats, covariance: Floats) -> Floats:
    """Shape (items,): standard errors of −d / a by the delta method; infinite at slope 0."""
    a, place = x[:, 0], np.divide(-x[:, 1], x[:, 0], out=np.zeros(len(x)), where=x[:, 0] != 0)
    spread = covariance[:, 1, 1] + place**2 * covariance[:, 0, 0] + 2 * place * covariance[:, 0, 1]
    found: Floats = np.divide(
        np.sqrt(np.maximum(spread, 0.0)), np.abs(a), out=np.full(len(x), np.inf), where=a != 0
    )
    return found


def _adequacy(
    sifted: Sifted, target: Limited, x: Floats, value: float, peak: Peak, maximum: bool
) -> Adequacy:
    finer = Limited(sifted.unit, target.scale, prior=PRIOR, spacing=target.spacing / 2)
    shift = float(finer.posterior(x)[2].sum()) - value
    concerns = list(sifted.concerns)
    steep = np.flatnonzero(np.abs(x[:, 0]) > PRIOR)
    if steep.size:
        concerns.append(
            f"{steep.size} items separate subjects almost perfectly: their slopes rest on the prior"
        )
    subjects = sifted.rows.size
    if subjects < 30:
        concerns.append(f"{subjects} subjects: slopes and their errors are rough below about 30")
    parameters = int(2 * target.items + target.free.sum())
    return Adequacy(
        peak.gradient, shift, maximum, subjects, parameters, peak.passes,
        tuple(one_line(c, 300) for c in concerns),
    )  # fmt: skip
