"""How many abilities does a benchmark ask for, and which items ask for which?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.manifold.adequacy import Adequacy
from calibrant.quality.manifold.beside import NOTHING, Beside
from calibrant.quality.manifold.climb import Inverse, Peak, climb
from calibrant.quality.manifold.counts import Counts, counts_of
from calibrant.quality.manifold.rotation import ROTATIONS, Rotation, rotate
from calibrant.quality.manifold.several import NODES, Several
from calibrant.quality.manifold.sift import Sifted, sift
from calibrant.quality.read import read_responses
from calibrant.quality.responses import Responses

Floats = NDArray[np.float64]
Pattern = Mapping[str, Sequence[str]]

PRIOR = 5.0
"""Standard deviation of the prior of slopes, in logits."""
MOST = 4
STANDARD = 1.702
"""From logits to standard deviations of a normal error, as the R package mirt has it."""
HEYWOOD = 0.98
"""Communality above which an item is all factor and no error."""


@dataclass(frozen=True, eq=False)
class M2plFit:
    """Right-or-wrong items on several abilities.

    Attributes:
        items, subjects, factors: names.
        slopes: shape (items, factors), in logits, rotated.
        intercepts: shape (items,).
        loadings: shape (items, factors), slopes in standard deviations of the latent response.
        correlations: shape (factors, factors).
        errors: shape (items, factors + 1), standard errors of slopes and intercepts; NaN for
            slopes of an exploratory fit, whose axes are chosen after the fact, and for fixed ones.
        correlation_se: shape (factors, factors); NaN where they are not free.
        ability, ability_sd: shape (subjects, factors), posterior means and standard deviations.
        log_likelihood: without the prior.
        parameters: that are free.
        exploratory: whether every item may load on every factor.
        rotation: of an exploratory fit.
        reliability: shape (factors,).
        aside: constant items.
        adequacy: whether the numbers may be used.
        beside: what is asked of every model.
    """

    items: tuple[str, ...]
    subjects: tuple[str, ...]
    factors: tuple[str, ...]
    slopes: Floats
    intercepts: Floats
    loadings: Floats
    correlations: Floats
    errors: Floats
    correlation_se: Floats
    ability: Floats
    ability_sd: Floats
    log_likelihood: float
    parameters: int
    exploratory: bool
    rotation: Rotation
    reliability: Floats
    aside: tuple[str, ...]
    adequacy: Adequacy
    beside: Beside = NOTHING

    def __repr__(self) -> str:
        return (
            f"{len(self.subjects)} subjects and {len(self.items)} items on "
            f"{len(self.factors)} abilities: log-likelihood {self.log_likelihood:.2f}, "
            f"AIC {self.aic:.1f}, BIC {self.bic:.1f}."
        )

    @property
    def communalities(self) -> Floats:
        """Shape (items,): share of the latent response's variance that is the factors'."""
        found: Floats = np.einsum("jk,kl,jl->j", self.loadings, self.correlations, self.loadings)
        return found

    @property
    def aic(self) -> float:
        """Akaike's criterion."""
        return -2 * self.log_likelihood + 2 * self.parameters

    @property
    def bic(self) -> float:
        """Schwarz's criterion, with subjects as the observations."""
        return -2 * self.log_likelihood + self.parameters * float(np.log(len(self.subjects)))

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""

        def plain(a: Floats) -> list[Any]:
            found = a.astype(object)
            found[np.isnan(a)] = None
            return list(found.tolist())

        communality = self.communalities
        # Multidimensional difficulty: distance to where a right answer is even (Reckase 1985).
        strength = np.sqrt(np.sum(self.slopes @ self.correlations * self.slopes, axis=1))
        return {
            "model": "m2pl", "log_likelihood": self.log_likelihood,
            "adequacy": self.adequacy.to_dict(),
            "items": [
                {"item": name, "discrimination": self.slopes[j].tolist(), "difficulty":
                 float(-self.intercepts[j] / max(strength[j], 1e-12)),
                 "intercept": float(self.intercepts[j]), "loadings": self.loadings[j].tolist(),
                 "communality": float(communality[j]), "standard_errors": {"discrimination":
                 plain(self.errors[j, :-1]), "intercept": plain(self.errors[j, -1:])[0]},
                 **self.beside.of_item(name)}
                for j, name in enumerate(self.items)
            ],
            "subjects": [
                {"subject": name, "ability": self.ability[i].tolist(),
                 "standard_error": self.ability_sd[i].tolist()}
                for i, name in enumerate(self.subjects)
            ],
            "reliability": {"empirical": self.reliability.tolist()},
            "bank_check": self.beside.bank_check, "aside": list(self.aside),
            "factors": list(self.factors), "correlations": self.correlations.tolist(),
            "correlation_se": plain(self.correlation_se), "parameters": self.parameters,
            "aic": self.aic, "bic": self.bic, "exploratory": self.exploratory,
            "rotation": self.rotation,
        }  # fmt: skip


def fit_m2pl(
    responses: Any,
    *,
    dimensions: int = 2,
    pattern: Pattern | None = None,
    correlated: bool = True,
    rotation: Rotation = "oblimin",
    prior: float | None = PRIOR,
    seed: int = 0,
    **reading: Any,
) -> M2plFit:
    """Fit right-or-wrong items that ask for several abilities.

    Args:
        responses: what `read_responses` takes, with its other arguments.
        dimensions: 1–4, all items on all of them (exploratory), unless there is a pattern.
        pattern: factors with the items that load on them (confirmatory); all others do not.
        correlated: whether the factors of a pattern may be.
        rotation: of an exploratory fit: none, varimax, promax or oblimin.
        prior: standard deviation of a normal prior of slopes; None for plain maximum likelihood,
            which has no finite answer where items separate subjects.
        seed: of the rotation's starts.

    Raises:
        InputError: for scores that are not right or wrong, fewer than 10 subjects, or fewer than
            3 items a dimension (4 subjects a dimension).
        GateError: if no proper maximum was found, as where the pattern is not identified.
    """
    if rotation not in ROTATIONS:
        raise InputError(f"rotation: wanted {', '.join(ROTATIONS)}, got {rotation!r}")
    size = dimensions if pattern is None else len(pattern)
    if not 1 <= size <= MOST:
        raise InputError(f"dimensions: wanted 1 to {MOST}, got {size}")
    if prior is not None and not prior > 0:
        raise InputError(f"prior: wanted a standard deviation above 0, got {prior:g}")
    found = responses if isinstance(responses, Responses) else read_responses(responses, **reading)
    sifted = sift(found, what="m2pl", items=2 * size + 1)
    names = tuple(found.items[j] for j in sifted.kept)
    counts = counts_of(found, sifted, "m2pl")
    free = np.ones((len(names), size), bool) if pattern is None else _free(pattern, names)
    joined = pattern is not None and correlated and size > 1
    if joined and size > 3:
        raise InputError(f"dimensions: wanted at most 3 correlated factors, got {size}")
    target, peak = _climbed(counts, free, joined, prior)
    shift = _shift(counts, target, peak)
    return _finished(found, sifted, target, peak, shift, rotation if pattern is None else "none",
                     tuple(pattern) if pattern else (), seed)  # fmt: skip


def _free(pattern: Pattern, names: tuple[str, ...]) -> NDArray[np.bool_]:
    free = np.zeros((len(names), len(pattern)), bool)
    at = {name: j for j, name in enumerate(names)}
    for k, (factor, items) in enumerate(pattern.items()):
        for item in items:
            if item in at:
                free[at[item], k] = True
        if free[:, k].sum() < 2:
            raise InputError(
                f"pattern: wanted at least 2 items that vary on {one_line(factor, 60)}, "
                f"got {int(free[:, k].sum())}"
            )
    if not free.any(axis=1).all():
        j = int(np.argmin(free.any(axis=1)))
        raise InputError(f"pattern: item {one_line(names[j], 60)} is on no factor")
    return free


def _climbed(
    counts: Counts, free: NDArray[np.bool_], correlated: bool, prior: float | None
) -> tuple[Several, Peak]:
    """The maximum; an exploratory fit is then held to axes on which it is one point."""
    size = free.shape[1]
    nodes = NODES[size]
    target = Several(counts, free, correlated=correlated, prior=prior, nodes=nodes)
    turning = bool(free.all()) and size > 1
    if not turning:
        return target, climb(target, target.start(), em_steps=150)
    rough = climb(target, target.start(), em_steps=150, small=np.inf)
    held, x = _triangular(rough.x, free)
    fixed = Several(counts, held, correlated=False, prior=prior, nodes=nodes)
    fixed.mode = np.zeros_like(fixed.mode)
    peak = climb(fixed, x, em_steps=0)
    return fixed, Peak(peak.x, peak.at, peak.gradient, peak.passes + rough.passes)


def _triangular(x: Floats, free: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], Floats]:
    """Turn slopes so that of some items, as different as may be, those above the diagonal are 0."""
    slopes, size = x[:, :-1], x.shape[1] - 1
    rest, chosen = slopes.copy(), []
    for _ in range(size):
        far = np.linalg.norm(rest, axis=1)
        pivot = int(far.argmax())
        chosen.append(pivot)
        axis = rest[pivot] / far[pivot]
        rest = rest - np.outer(rest @ axis, axis)
    turn = np.linalg.qr(slopes[chosen].T)[0]
    held, turned = free.copy(), x.copy()
    turned[:, :-1] = slopes @ turn
    for row, pivot in enumerate(chosen):
        held[pivot, row + 1 :] = False
        turned[pivot, row + 1 : size] = 0.0
    return held, turned


def _shift(counts: Counts, target: Several, peak: Peak) -> float:
    """Change of the log-likelihood with more nodes."""
    more = target.per + (4 if target.dimensions > 2 else 8)
    finer = Several(counts, target.free, correlated=target.correlated, prior=None, nodes=more)
    finer.mode = target.mode

    def total(model: Several) -> float:
        logs = [model.counts.often[at] @ model.posterior(peak.x, at)[2] for at in model.chunks()]
        return float(np.sum(logs))

    return total(finer) - total(target)


def _finished(
    responses: Responses, sifted: Sifted, target: Several, peak: Peak, shift: float,
    rotation: Rotation, factors: tuple[str, ...], seed: int,
) -> M2plFit:  # fmt: skip
    x, k, counts = peak.x, target.dimensions, target.counts
    inverse = target.observed(x, peak.at.information)[0].inverse()
    slopes, d = x[: target.items, :k], x[: target.items, k]
    adequacy = _adequacy(sifted, target, peak, shift, inverse is not None).require("m2pl")
    assert inverse is not None
    errors, correlation_se = _errors(target, x, inverse)
    phi, turn = target.correlations(x)[0], np.eye(k)
    if factors:
        sign = np.where(slopes.sum(axis=0) < 0, -1.0, 1.0)
        turn, phi = np.diag(sign), phi * np.outer(sign, sign)
        slopes = np.where(target.free, slopes * sign, 0.0)
    else:
        norm = np.sqrt(1 + ((slopes / STANDARD) ** 2).sum(axis=1, keepdims=True))
        _, phi, turn = rotate(slopes / STANDARD / norm, rotation, seed=seed)
        slopes = slopes @ np.linalg.inv(turn).T
        if k > 1:
            errors[:, :-1] = np.nan
        elif slopes.shape[1] == 1 and turn[0, 0] < 0:
            slopes = np.abs(slopes) * np.sign(slopes)
    mean, covariance = target.moments(x)
    mean = mean @ turn
    variance = np.einsum("km,gkl,lm->gm", turn, covariance, turn)
    weight = (counts.often / counts.often.sum())[:, None]
    between = (weight * (mean - (weight * mean).sum(axis=0)) ** 2).sum(axis=0)
    latent = np.sqrt(1 + np.einsum("jk,kl,jl->j", slopes, phi, slopes) / STANDARD**2)
    value = peak.at.value + target.penalty / 2 * float((x[: target.items, :k] ** 2).sum())
    return M2plFit(
        tuple(responses.items[j] for j in sifted.kept),
        tuple(responses.subjects[i] for i in sifted.rows),
        factors or tuple(f"F{m + 1}" for m in range(k)), slopes, d,
        slopes / STANDARD / latent[:, None], phi, errors, correlation_se,
        mean[counts.pattern], np.sqrt(variance)[counts.pattern], value,
        int(target.free.sum()) + target.items + len(target.below), not factors, rotation,
        between / (between + (weight * variance).sum(axis=0)), sifted.aside, adequacy,
    )  # fmt: skip


def _errors(target: Several, x: Floats, inverse: Inverse) -> tuple[Floats, Floats]:
    blocks = inverse.blocks()
    errors = np.sqrt(np.maximum(np.einsum("jaa->ja", blocks), 0.0))[: target.items]
    errors[:, :-1][~target.free] = np.nan
    k, width = target.dimensions, x.shape[1]
    found = np.full((k, k), np.nan)
    if target.below:
        slopes = target.correlations(x)[1]
        own = blocks[target.items][: len(target.below), : len(target.below)]
        assert len(target.below) <= width
        for i, j in target.below:
            by = np.array([change[i, j] for change in slopes])
            found[i, j] = found[j, i] = float(np.sqrt(by @ own @ by))
    return errors, found


def _adequacy(sifted: Sifted, target: Several, peak: Peak, shift: float, maximum: bool) -> Adequacy:
    concerns = list(sifted.concerns)
    length = np.sqrt((peak.x[: target.items, :-1] ** 2).sum(axis=1)) / STANDARD
    heywood = np.flatnonzero(length**2 / (1 + length**2) > HEYWOOD)
    names = sifted.kept[heywood]
    if heywood.size:
        concerns.append(
            f"{heywood.size} items have communalities above {HEYWOOD} (Heywood cases, such as item "
            f"number {int(names[0]) + 1}): their slopes are not determined by the scores"
        )
    count = int(target.counts.often.sum())
    each = target.dimensions + 1
    if count < 20 * each:
        concerns.append(
            f"{count} subjects for {each} parameters an item: loadings are rough below about "
            f"{20 * each}"
        )
    parameters = int(target.free.sum()) + target.items + len(target.below)
    return Adequacy(
        peak.gradient, shift if abs(shift) > 1e-12 else 0.0, maximum, count, parameters,
        peak.passes, tuple(one_line(c, 300) for c in concerns),
    )  # fmt: skip
