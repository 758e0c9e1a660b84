"""Ratings with covariates, or with random effects of subjects on items, as a result of `rate`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from calibrant.errors import InputError
from calibrant.ratings.counts import TIE, Counts
from calibrant.ratings.estimators.covariates import Adjusted, adjusted
from calibrant.ratings.estimators.item_effects import LEAST_SD, item_effects
from calibrant.ratings.existence import Existence
from calibrant.ratings.fit import Fit
from calibrant.ratings.likelihood import ModelName
from calibrant.ratings.pools import Options, order_of, pool_ratings, ties_of
from calibrant.ratings.result import RELATIVE, Pool, Ratings
from calibrant.ratings.uncertainty.covariance import Covariance
from calibrant.records.comparisons import Comparisons
from calibrant.stats.comparisons.ranks import ranks

Floats = NDArray[np.float64]


def rate_adjusted(
    rows: Comparisons, counts: Counts, options: Options, found: Existence, handled: str
) -> Ratings:
    """Ratings at equal covariates, or with item effects.

    Raises:
        InputError: for options that do not go together.
    """
    if options.bootstrap:
        raise InputError("bootstrap: with covariates or item effects there is none; use cluster")
    asked = options.model
    ties = bool((counts.outcomes[:, TIE] > 0).any())
    model: ModelName = ("davidson" if ties else "bt") if asked == "auto" else asked  # type: ignore[assignment]
    notes = [RELATIVE, *rows.warnings]
    if handled == "prior":
        notes.append(f"{found!r}; finite only by the stated prior (sd {options.prior:g})")
    if options.item_effects:
        pool, details = _with_items(rows, counts, options, model)
        covariates = None
        if details["item_sd"] <= 1.05 * LEAST_SD:
            notes.append("no variation of subjects between items was found")
    else:
        fit = adjusted(
            rows, counts, options.covariates, model, order_effect=options.order_effect,
            prior_sd=options.prior, by=options.by,
        )  # fmt: skip
        pool, covariates = _pool(fit, options), _coefficients(fit, options.level)
        details = {"log_likelihood": [fit.log_likelihood]}
        notes.append(
            f"ratings hold at equal {', '.join(options.covariates)}: what subjects gain by these "
            "is taken out, whether or not it is a merit"
        )
    proof = pool.fit.convergence
    return Ratings(
        model=model + (" with item effects" if options.item_effects else " with covariates"),
        ratings=tuple(pool_ratings(pool, None, options, 0)),
        comparisons=counts.total,
        subjects=len(counts.names),
        level=options.level,
        uncertainty=pool.covariance.method,
        ties=ties_of(counts, [pool], options.level),
        order_effect=order_of([pool], options.level) if options.order_effect else None,
        existence=found,
        handled=handled,
        convergence={"gradient": proof.gradient, "decrement": proof.decrement,
                     "rounds": proof.rounds, "fits": 1},
        covariates=covariates,
        details=details,
        notes=tuple(notes),
        pools=(pool,),
        rows=rows,
    )  # fmt: skip


def _with_items(
    rows: Comparisons, counts: Counts, options: Options, model: ModelName
) -> tuple[Pool, dict[str, Any]]:
    if options.covariates or options.by or options.prior is not None:
        raise InputError("item effects: wanted neither covariates, clusters nor a prior with them")
    found = item_effects(rows, counts, model, order_effect=options.order_effect)
    parts = [found.strengths]
    if found.order_effect is not None:
        parts.append(np.array([found.order_effect]))
    if found.tie_parameter is not None:
        parts.append(np.array([found.tie_parameter]))
    parameters = np.concatenate(parts)
    fit = Fit(
        model, counts, parameters, found.order_effect, found.tie, found.log_likelihood,
        -np.linalg.pinv(_blocks(found.covariance, found.extra)), None, found.convergence,
    )  # fmt: skip
    infinite = np.full(len(counts.names), np.inf)
    covariance = Covariance(
        found.covariance, np.diag(found.covariance), found.extra, infinite,
        f"penalised information with effects on {found.items} items", {"item": found.items},
    )  # fmt: skip
    placed = ranks(fit.strengths, found.covariance, level=options.level, seed=options.seed)
    details = {
        "item_effects": repr(found), "item_sd": found.sd, "effects": found.effects,
        "log_likelihood": [found.log_likelihood],
    }  # fmt: skip
    return Pool(fit, covariance, placed), details


def _blocks(a: Floats, diagonal: Floats) -> Floats:
    size = a.shape[0]
    out = np.zeros((size + diagonal.size,) * 2)
    out[:size, :size] = a
    out[range(size, out.shape[0]), range(size, out.shape[0])] = diagonal
    return out


def _pool(found: Adjusted, options: Options) -> Pool:
    """The strengths, order effect and tie parameter as a fit of their own, coefficients at their
    best for each (their part of the information is taken out)."""
    every = np.arange(found.parameters.size)
    out = every[found.at]
    keep = np.setdiff1d(every, out)
    h = found.hessian
    profile = h[np.ix_(keep, keep)] - h[np.ix_(keep, out)] @ np.linalg.solve(
        h[np.ix_(out, out)], h[np.ix_(out, keep)]
    )
    k = len(found.counts.names)
    parameters = found.parameters[keep]
    tie = None
    if found.model != "bt":
        power = float(np.exp(parameters[-1]))
        tie = power if found.model == "davidson" else 1 + power
    fit = Fit(
        found.model, found.counts, parameters,
        float(parameters[k]) if found.order_effect else None, tie, found.log_likelihood, profile,
        found.prior_sd, found.convergence,
    )  # fmt: skip
    by = "".join(f" clustered by {c}" for c in found.clusters)
    v = found.covariance[:k, :k]
    df = np.full(k, min([n - 1 for n in found.clusters.values()], default=np.inf))
    covariance = Covariance(
        v, np.diag(v), np.diag(found.covariance)[keep][k:], df, f"sandwich{by}", found.clusters
    )
    placed = ranks(found.strengths, v, level=options.level, df=df, seed=options.seed)
    return Pool(fit, covariance, placed)


def _coefficients(found: Adjusted, level: float) -> list[dict[str, object]]:
    reach = -float(ndtri((1 - level) / 2))
    errors = np.sqrt(np.diag(found.covariance)[found.at])
    return [
        {
            "name": name, "coefficient": float(b), "standard_error": float(e),
            "interval": [float(b - reach * e), float(b + reach * e)], "scale": float(scale),
        }
        for name, b, e, scale in zip(
            found.names, found.parameters[found.at], errors, found.scales, strict=True
        )
    ]  # fmt: skip
