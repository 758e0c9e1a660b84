"""How severe is each grader, how hard each item, what does each variant change? In logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import chdtrc, fdtrc, ndtri

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.manifold.adequacy import Adequacy
from calibrant.quality.manifold.beside import NOTHING, Beside
from calibrant.quality.manifold.climb import Inverse, Peak, climb
from calibrant.quality.manifold.facets_data import Ratings, ratings_of
from calibrant.quality.manifold.facets_model import Facets, Floats, fit_statistics
from calibrant.quality.read import read_responses
from calibrant.quality.responses import Responses

RELATED = 1e-3
"""p below which subjects' abilities are said to differ with the levels that they met."""


@dataclass(frozen=True)
class Level:
    """One item, grader or variant.

    Attributes:
        effect: logits that it takes off the score's odds; the effects of a facet add up to 0.
        se: its standard error.
        scores: how many there are of it.
        infit, outfit: mean squared residual over its expectation, weighted by information and
            not; 1 if the model holds, above it for a level that is erratic, below it for one that
            is too predictable.
        infit_z: infit − 1 over its standard deviation under the model.
    """

    level: str
    effect: float
    se: float
    low: float
    high: float
    scores: int
    infit: float
    outfit: float
    infit_z: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return dict(vars(self))


@dataclass(frozen=True)
class Facet:
    """Items, graders or variants.

    Attributes:
        spread: standard deviation of the true effects, errors taken off; at least 0.
        reliability: share of the variance of estimated effects that is not error.
        chi_square, df, p: of the Wald test that all effects are 0.
    """

    name: str
    levels: tuple[Level, ...]
    spread: float
    reliability: float
    chi_square: float
    df: int
    p: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "facet": self.name, "spread": self.spread, "reliability": self.reliability,
            "chi_square": self.chi_square, "df": self.df, "p": self.p,
            "levels": [level.to_dict() for level in self.levels],
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class FacetsFit:
    """Ratings on one ability, which is N(0, σ²) among subjects, and effects of facets.

    Attributes:
        facets: each with its levels.
        subjects: names.
        ability: shape (subjects,), posterior means, in logits.
        ability_sd, ability_se: shape (subjects,), without and with the errors of the effects.
        infit, outfit: shape (subjects,), of each subject's scores, as those of levels.
        sd: σ.
        sd_se: of log σ.
        steps: where a score becomes likelier than the one below, for an average level.
        values: the score of each category.
        log_likelihood: of the scores.
        reliability: variance of abilities' means over that plus their mean squared error.
        aside: items with one end of the scale only.
        adequacy: whether the numbers may be used.
        beside: what is asked of every model.
    """

    facets: tuple[Facet, ...]
    subjects: tuple[str, ...]
    ability: Floats
    ability_sd: Floats
    ability_se: Floats
    infit: Floats
    outfit: Floats
    sd: float
    sd_se: float
    steps: Floats
    values: Floats
    log_likelihood: float
    reliability: float
    aside: tuple[str, ...]
    adequacy: Adequacy
    level: float = 0.95
    beside: Beside = NOTHING

    def __repr__(self) -> str:
        parts = ", ".join(f"{len(f.levels)} {f.name}s (spread {f.spread:.2f})" for f in self.facets)
        return (
            f"{len(self.subjects)} subjects (σ {self.sd:.2f} logits) and {parts}: "
            f"log-likelihood {self.log_likelihood:.1f}, reliability {self.reliability:.3f}."
        )

    def facet(self, name: str) -> Facet:
        """The facet of this name.

        Raises:
            InputError: if there is none.
        """
        for found in self.facets:
            if found.name == name:
                return found
        raise InputError(f"facet: wanted {' or '.join(f.name for f in self.facets)}, got {name!r}")

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        items = next((f for f in self.facets if f.name == "item"), None)
        return {
            "model": "facets", "log_likelihood": self.log_likelihood,
            "adequacy": self.adequacy.to_dict(),
            "items": [] if items is None else [
                {"item": v.level, "discrimination": 1.0, "difficulty": v.effect,
                 "standard_errors": {"discrimination": None, "difficulty": v.se},
                 "infit": v.infit, "outfit": v.outfit, **self.beside.of_item(v.level)}
                for v in items.levels
            ],
            "subjects": [
                {"subject": s, "ability": float(self.ability[i]),
                 "standard_error": float(self.ability_se[i]),
                 "posterior_sd": float(self.ability_sd[i]),
                 "infit": float(self.infit[i]), "outfit": float(self.outfit[i])}
                for i, s in enumerate(self.subjects)
            ],
            "reliability": {"empirical": self.reliability},
            "bank_check": self.beside.bank_check, "aside": list(self.aside), "sd": self.sd,
            "sd_log_se": self.sd_se, "steps": self.steps.tolist(), "values": self.values.tolist(),
            "facets": [f.to_dict() for f in self.facets], "level": self.level,
        }  # fmt: skip


def fit_facets(
    responses: Any, *, facets: tuple[str, ...] | None = None, level: float = 0.95, **reading: Any
) -> FacetsFit:
    """Take the difficulty of items, the severity of graders and variants' effects apart.

    Args:
        responses: what `read_responses` takes, with its other arguments: one row a score, with
            columns item, grader and variant, or some of them; or a matrix, for items alone.
        facets: which of item, grader and variant; by default those that have at least 2 levels.
        level: of intervals.

    Which levels a subject meets must not go by its ability, unless it has many scores: abilities
    are taken for draws from one population. Adequacy's concerns say where they seem not to be.

    Raises:
        InputError: for fewer than 10 subjects, scores of more than 10 kinds, a grader or variant
            that gives one end of the scale only, or a design that does not link its levels.
        GateError: if no proper maximum was found.
    """
    if not 0 < level < 1:
        raise InputError(f"level: wanted between 0 and 1, got {level:g}")
    found = responses if isinstance(responses, Responses) else read_responses(responses, **reading)
    ratings = ratings_of(found, facets)
    target = Facets(ratings)
    peak = climb(target, target.start())
    return _finished(ratings, target, peak, level)


def _finished(m: Ratings, target: Facets, peak: Peak, level: float) -> FacetsFit:
    x = peak.x
    missing, moves = target.observed(x, peak.at.information)
    inverse = missing.inverse()
    theta, w, log, _ = target.posterior(x)
    finer = Facets(m, spacing=target.spacing / 2)
    shift = float(finer.posterior(x)[2].sum()) - float(log.sum())
    adequacy = Adequacy(
        peak.gradient, shift, inverse is not None, len(m.subjects), x.size, peak.passes,
        _concerns(m, (w * theta).sum(axis=1)),
    ).require("facets")  # fmt: skip
    assert inverse is not None
    covariance = np.diag(inverse.own[0].ravel()) if x.size == 1 else _dense(inverse)
    whole = target.map @ covariance[:-1, :-1] @ target.map.T
    effects, steps, spread = target.unpack(x)
    mean = (w * theta).sum(axis=1)
    variance = (w * (theta - mean[:, None]) ** 2).sum(axis=1)
    who = fit_statistics(target, x, m.subject, len(m.subjects))
    between = float(np.var(mean))
    return FacetsFit(
        tuple(_facet(target, x, k, effects, whole, level) for k in range(len(m.facets))),
        m.subjects, mean, np.sqrt(variance), np.sqrt(variance + inverse.variance(moves)),
        who[0], who[1], spread, float(np.sqrt(covariance[-1, -1])), steps, m.values,
        float(log.sum()), between / (between + float(variance.mean())), m.aside, adequacy, level,
    )  # fmt: skip


def _dense(inverse: Inverse) -> Floats:
    found: Floats = inverse.own[0] + inverse.low @ inverse.low.T
    return found


def _facet(
    target: Facets, x: Floats, k: int, effects: Floats, covariance: Floats, level: float
) -> Facet:
    m = target.m
    start, end = int(m.starts[k]), int(m.starts[k + 1])
    own, of = effects[start:end], m.level[k] - start
    errors = covariance[start:end, start:end]
    se = np.sqrt(np.diag(errors))
    infit, outfit, z = fit_statistics(target, x, of, end - start)
    far = float(ndtri((1 + level) / 2)) * se
    count = np.bincount(of, minlength=end - start)
    levels = tuple(
        Level(name, float(own[i]), float(se[i]), float(own[i] - far[i]), float(own[i] + far[i]),
              int(count[i]), float(infit[i]), float(outfit[i]), float(z[i]))
        for i, name in enumerate(m.levels[k])
    )  # fmt: skip
    free = end - start - 1
    wald = float(own[:-1] @ np.linalg.solve(errors[:-1, :-1], own[:-1]))
    total = float(own @ own) / free
    # Errors of effects that add up to 0: their sum of squares has expectation trace / (levels − 1).
    true = max(total - float(np.trace(errors)) / free, 0.0)
    return Facet(
        m.facets[k], levels, float(np.sqrt(true)), true / total if total > 0 else 0.0, wald, free,
        float(chdtrc(free, wald)),
    )  # fmt: skip


def _concerns(m: Ratings, ability: Floats) -> tuple[str, ...]:
    said = list(m.concerns)
    if len(m.subjects) < 30:
        said.append(f"{len(m.subjects)} subjects: their σ is rough below about 30")
    for k, name in enumerate(m.facets):
        p = _assigned(m, k, ability)
        if p < RELATED:
            said.append(
                f"subjects' abilities differ with the {name}s that they met (p = {p:.1g}): the "
                f"model takes them for unrelated, and effects of {name}s lean towards the mean "
                "where subjects have few scores"
            )
    return tuple(one_line(s, 300) for s in said)


def _assigned(m: Ratings, k: int, ability: Floats) -> float:
    """p of the F test that abilities do not differ with the levels that subjects met."""
    count, size = len(m.subjects), len(m.levels[k])
    share = np.zeros((count, size))
    np.add.at(share, (m.subject, m.level[k] - m.starts[k]), 1.0)
    share /= share.sum(axis=1, keepdims=True)
    rank = int(np.linalg.matrix_rank(share - share.mean(axis=0), tol=1e-6))
    if rank == 0 or count - rank - 1 < 5:
        return 1.0
    far = ability - ability.mean()
    left = far - share @ np.linalg.lstsq(share, far, rcond=None)[0]
    rest = float(left @ left)
    f = (float(far @ far) - rest) / rank / (rest / (count - rank - 1))
    return float(fdtrc(rank, count - rank - 1, max(f, 0.0)))
