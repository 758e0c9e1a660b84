"""Which should I buy next: items, epochs, paraphrases or graders? Generalizability theory.

A G study splits the variance of one score into components; a D study says what error a mean over
a planned number of levels of each facet would have (Brennan, *Generalizability Theory*, 2001,
chapters 3–5; Cronbach, Gleser, Nanda and Rajaratnam 1972).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite, prod
from typing import Any, Literal

import numpy as np

from calibrant.errors import InputError
from calibrant.stats.variance.components import RESIDUAL, VarianceComponents
from calibrant.stats.variance.terms import parse_term

Error = Literal["absolute", "relative"]

REPLICATE = "replicate"
"""The facet of rows that share every factor, where the table has such rows."""


@dataclass(frozen=True)
class GStudy:
    """Variance components with the facets that each belongs to.

    Attributes:
        terms: for each component its name, its facets and its variance (at least 0).
        object: the facet that is to be told apart, such as "subject"; None when there is only one
            of it, and then only absolute error exists.
        facets: all facets but the object.
        covariance: sampling covariances of the variances, if known.
    """

    terms: tuple[tuple[str, frozenset[str], float], ...]
    object: str | None
    facets: tuple[str, ...]
    covariance: tuple[tuple[float, ...], ...] | None = None

    def d_study(self, n: Mapping[str, int], *, fixed: Iterable[str] = ()) -> DStudy:
        """Errors and coefficients of the mean over a design.

        Args:
            n: levels of each facet to average over, 1 or more. Levels of a nested facet are
                per level of what it is nested in: `{"task": 3, "rater": 4}` is 4 raters for each
                of 3 tasks.
            fixed: facets whose levels are all there is. Their interactions with the object are
                then signal, not error (Brennan 2001, section 4.4).

        Raises:
            InputError: for unknown or missing facets and for numbers below 1.
        """
        fixed = frozenset(fixed)
        counts = _counts(n, self.facets)
        _known("fixed", fixed, self.facets)
        roles = _roles(self, fixed)
        weights = [
            1.0 / prod(counts[f] for f in facets if f != self.object) for _, facets, _ in self.terms
        ]
        parts = [w * v for w, (_, _, v) in zip(weights, self.terms, strict=True)]

        def total(*wanted: str) -> float:
            return sum(p for p, r in zip(parts, roles, strict=True) if r in wanted)

        se: float | None = None
        if self.covariance is not None:
            gradient = np.array(
                [w * (r in ("relative", "absolute")) for w, r in zip(weights, roles, strict=True)]
            )
            se = float(np.sqrt(max(0.0, gradient @ np.array(self.covariance) @ gradient)))
        universe = None if self.object is None else total("universe")
        relative = None if self.object is None else total("relative")
        absolute = total("relative", "absolute")
        return DStudy(
            tuple(counts.items()),
            tuple(sorted(fixed)),
            universe,
            relative,
            absolute,
            _ratio(universe, relative),
            _ratio(universe, absolute),
            se,
            tuple((t[0], p, r) for t, p, r in zip(self.terms, parts, roles, strict=True)),
        )


@dataclass(frozen=True)
class DStudy:
    """What a design would achieve.

    Attributes:
        n: levels averaged over, per facet.
        fixed: facets taken as fixed.
        universe: variance of the object's universe scores; None without an object.
        relative_error: error variance of differences between objects; None without an object.
        absolute_error: error variance of one object's mean as an estimate of its universe score.
        generalizability: Eρ² = universe / (universe + relative error), 0–1. None without an
            object, or if both are 0.
        dependability: Φ = universe / (universe + absolute error), 0–1; None likewise.
        absolute_error_se: standard error of the absolute error variance; None if unknown.
        parts: each component's name, its share of the mean's variance, and its role: "universe",
            "relative" (an error of both kinds), "absolute" (of absolute error only), or "constant"
            (shifts every object alike, for good).
    """

    n: tuple[tuple[str, int], ...]
    fixed: tuple[str, ...]
    universe: float | None
    relative_error: float | None
    absolute_error: float
    generalizability: float | None
    dependability: float | None
    absolute_error_se: float | None
    parts: tuple[tuple[str, float, str], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "n": dict(self.n),
            "fixed": list(self.fixed),
            "universe": self.universe,
            "relative_error": self.relative_error,
            "absolute_error": self.absolute_error,
            "generalizability": self.generalizability,
            "dependability": self.dependability,
            "absolute_error_se": self.absolute_error_se,
            "parts": [{"term": t, "variance": v, "role": r} for t, v, r in self.parts],
        }

    def __repr__(self) -> str:
        design = " × ".join(f"{n} {f}" + "s" * (n != 1) for f, n in self.n)
        text = f"A mean over {design} has standard error {self.absolute_error**0.5:.4g}"
        if self.generalizability is not None and self.dependability is not None:
            text += f" (Eρ² {self.generalizability:.4f}, Φ {self.dependability:.4f})"
        return text


def g_study(
    components: VarianceComponents | Mapping[str, float],
    *,
    object: str | None = None,
    residual: str | None = None,
    missing: Mapping[str, float] | None = None,
) -> GStudy:
    """Attach facets to variance components.

    Args:
        components: from `variance_components`, or term → variance with the residual named
            "residual" or by its facets.
        object: the facet to tell apart; None for the error of a single subject.
        residual: facets of the residual, such as "subject:item:epoch". The default is all facets,
            with a facet "replicate" where rows share every factor.
        missing: variances for the terms that could not be estimated. Without one, such a term is
            refused: its variance is unknown, not 0.

    Raises:
        InputError: for negative or non-finite variances, an unknown object, a component that
            could not be estimated, or terms with the same facets.
    """
    facets: list[str] = []
    replicated = False
    covariance: tuple[tuple[float, ...], ...] | None = None
    if isinstance(components, VarianceComponents):
        facets += components.facets
        replicated = components.replicated
        given = _given(components, dict(missing or {}))
        # A declared variance has no sampling covariance.
        covariance = None if missing else components.covariance
    else:
        given = dict(components)
    for term in given:
        facets += [f for f in _facets(term) if f not in facets]
    terms = []
    for term, value in given.items():
        if not (isfinite(value) and value >= 0):
            raise InputError(f"{term}: wanted a variance of 0 or more, got {value!r}")
        own = _facets(term)
        if term == RESIDUAL:
            own = parse_term(residual) if residual else (*facets, *([REPLICATE] * replicated))
        terms.append((term, frozenset(own), float(value)))
    every = list(dict.fromkeys(f for f in [*facets, *(f for t in terms for f in t[1])]))
    used = {f for _, own, _ in terms for f in own}
    every = [f for f in every if f in used]
    if not terms or len({own for _, own, _ in terms}) < len(terms):
        raise InputError(f"components: wanted different terms, got {list(given)}")
    if object is not None and object not in every:
        raise InputError(f"object: wanted one of {every}, got {object!r}")
    return GStudy(tuple(terms), object, tuple(f for f in every if f != object), covariance)


def _given(components: VarianceComponents, missing: dict[str, float]) -> dict[str, float]:
    given = {}
    for c in components.components:
        if c.estimate is not None:
            given[c.term] = c.estimate
        elif c.term in missing:
            given[c.term] = missing[c.term]
        else:
            raise InputError(f"{c.term}: {c.note}; give its variance as missing={{{c.term!r}: …}}")
    return given


def _facets(term: str) -> tuple[str, ...]:
    return () if term == RESIDUAL else parse_term(term)


def _roles(study: GStudy, fixed: frozenset[str]) -> list[str]:
    """Brennan's rules: what is signal, and what is error of which kind."""
    roles = []
    for _, facets, _ in study.terms:
        random = facets - fixed - {study.object}
        if study.object is not None and study.object in facets:
            roles.append("relative" if random else "universe")
        else:
            roles.append("absolute" if random else "constant")
    return roles


def _ratio(universe: float | None, error: float | None) -> float | None:
    if universe is None or error is None or universe + error <= 0:
        return None
    return universe / (universe + error)


def _known(where: str, names: Iterable[str], facets: tuple[str, ...]) -> None:
    for name in names:
        if name not in facets:
            raise InputError(f"{where}: wanted facets of {list(facets)}, got {name!r}")


def _counts(n: Mapping[str, int], facets: tuple[str, ...]) -> dict[str, int]:
    _known("n", n, facets)
    counts = {}
    for facet in facets:
        if facet not in n:
            raise InputError(f"n: wanted a number of {facet!r}, got {sorted(n)}")
        if not isinstance(n[facet], int | np.integer) or n[facet] < 1:
            raise InputError(f"n[{facet!r}]: wanted a whole number of 1 or more, got {n[facet]!r}")
        counts[facet] = int(n[facet])
    return counts


__all__ = ["REPLICATE", "DStudy", "Error", "GStudy", "g_study"]
