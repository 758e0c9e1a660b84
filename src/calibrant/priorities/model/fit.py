"""What do the raters of a survey hold of each area? The model's posterior.

The latent score of respondent r on area a for question q is

    z = θ[a, q] + b[r, q] + δ[q] · own[r, a] + e,   e ~ N(0, 1)

and the rating is the number of the question's thresholds below z, plus 1. θ is the effect of the
area's category plus the area's own deviation, b the rater's severity (high: generous); each is
normal, correlated between questions. What was believed before is in `priors`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.priorities.model.field import Field
from calibrant.priorities.model.hyper import explore
from calibrant.priorities.model.layout import Layout, lay_out
from calibrant.priorities.model.measurand import mixed
from calibrant.priorities.model.sample import Sample, draw
from calibrant.priorities.posterior import AreaPosterior
from calibrant.priorities.taxonomy.taxonomy import Taxonomy
from calibrant.records.ratings import as_ratings

Floats = NDArray[np.float64]

POINTS = 64
DRAWS = 4000
TRUSTED = 0.7
"""The tail shape of importance weights beyond which they are not to be trusted."""


@dataclass(frozen=True, repr=False, eq=False)
class ModelFit:
    """The posterior of the survey's model.

    Attributes:
        posterior: of areas' mean ratings.
        scores: per question, shape (draws, areas): latent scores, in residual standard deviations
            of one rating; differences between areas are what severity has been taken out of.
        thresholds: per question, shape (draws, labels - 1).
        own: per question, shape (draws,): effect of an own area on the latent score; empty where
            no own area was rated.
        spreads: by "rater", "area" and, where areas are pooled, "category": shape (draws,
            questions, questions), covariances of latent scores.
        severity: shape (respondents, questions): posterior means of severities.
        respondents: their names, as in `severity`.
        component: shape (areas,): which areas hang together by raters in common.
        questions: names.
        k_hat: tail shape of the importance weights, or NaN for a sampler.
        effective: points of the hyperparameters that the weights are worth, or draws.
    """

    posterior: AreaPosterior
    scores: Mapping[str, Floats]
    thresholds: Mapping[str, Floats]
    own: Mapping[str, Floats]
    spreads: Mapping[str, Floats]
    severity: Floats
    respondents: tuple[str, ...]
    component: NDArray[np.int64]
    questions: tuple[str, ...]
    k_hat: float
    effective: float

    def __repr__(self) -> str:
        sd = [f"{np.sqrt(s[:, 0, 0]).mean():.2f} ({n})" for n, s in self.spreads.items()]
        return (
            f"ModelFit: {len(self.respondents):,} raters, {len(self.posterior.areas)} areas; "
            f"latent standard deviations for {one_line(self.questions[0], 40)} {', '.join(sd)}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data: means and 90 % limits."""

        def about(x: Floats) -> dict[str, float]:
            low, high = np.quantile(x, [0.05, 0.95])
            return {"mean": float(x.mean()), "low": float(low), "high": float(high)}

        sds = {
            f"{name} {q}": about(np.sqrt(s[:, i, i]))
            for name, s in self.spreads.items()
            for i, q in enumerate(self.questions)
        }
        rho = {
            f"{name} {p} ~ {q}": about(s[:, i, j] / np.sqrt(s[:, i, i] * s[:, j, j]))
            for name, s in self.spreads.items()
            for i, p in enumerate(self.questions)
            for j, q in enumerate(self.questions)
            if i < j
        }
        return {
            "method": self.posterior.method,
            "raters": len(self.respondents),
            "areas": [
                {"id": a}
                | {
                    q: about(self.posterior.draws[q][:, i]) | {"n": int(self.posterior.n[q][i])}
                    for q in self.questions
                }
                for i, a in enumerate(self.posterior.areas)
            ],
            "standard_deviations": sds,
            "correlations": rho,
            "own_area": {q: about(x) for q, x in self.own.items()},
            "components": int(self.component.max()) + 1,
            "k_hat": self.k_hat if math.isfinite(self.k_hat) else None,
            "notes": list(self.posterior.notes),
        }


def area_posterior(ratings: Any, **options: Any) -> AreaPosterior:
    """The posterior of every area's mean rating; options as of `fit_ratings`."""
    return fit_ratings(ratings, **options).posterior


def fit_ratings(
    ratings: Any,
    *,
    taxonomy: Mapping[str, str] | Taxonomy | None = None,
    own: Any = None,
    levels: int | Mapping[str, int] = 5,
    questions: Sequence[str] | None = None,
    dont_know: float = 0.0,
    method: Literal["laplace", "nuts"] = "laplace",
    draws: int = DRAWS,
    points: int = POINTS,
    seed: int = 0,
) -> ModelFit:
    """Fit the survey's model, integrating over how far raters and areas differ.

    Args:
        ratings: a ratings table or what `as_ratings` reads; each respondent's last word counts.
        taxonomy: a taxonomy, or the category of each area's id, to pool areas in; by default read
            off ids such as `4d`, and no pooling where ids have another form.
        own: own areas: pairs (respondent, area), or a mapping of respondents to areas.
        levels: labels on the scale, 2 to 11, for all questions or by question.
        questions: which, in which order; by default all that were answered, sorted.
        dont_know: how much higher, in residual standard deviations of one rating, those would
            score an area who said that they do not know; 0: like the others.
        method: "laplace" (seconds; a mixture of Gaussian approximations), or "nuts" (minutes; the
            No-U-Turn sampler, with the extra `bayes`), for the same model and priors.
        draws: of the posterior, 100 or more; by "nuts", in four chains of 100 or more each.
        points: of the hyperparameters for "laplace", 16 or more; 1 plugs in their mode, which
            undercovers.
        seed: the same seed gives the same draws.

    Raises:
        InputError: for answers off the scale, or numbers out of range.
        GateError: if the sampler's chains have not found the posterior.
        CalibrantError: if "nuts" needs packages that are not installed.
    """
    if method not in ("laplace", "nuts"):
        raise InputError(f"fit_ratings: method: wanted laplace or nuts, got {method!r}")
    if draws < 100 or (points < 16 and points != 1) or seed < 0 or not math.isfinite(dont_know):
        raise InputError(
            "fit_ratings: wanted 100 draws, 16 points (or 1), a seed of 0 or more, a finite "
            f"dont_know, got {draws}, {points}, {seed}, {dont_know}"
        )
    layout = lay_out(
        as_ratings(ratings), taxonomy=taxonomy, own=own, levels=levels, questions=questions
    )
    return fit_layout(
        layout, method=method, dont_know=dont_know, draws=draws, points=points, seed=seed
    )


def fit_layout(
    layout: Layout,
    *,
    method: Literal["laplace", "nuts"] = "laplace",
    dont_know: float = 0.0,
    draws: int = DRAWS,
    points: int = POINTS,
    seed: int = 0,
) -> ModelFit:
    """Fit the model to answers laid out; options as of `fit_ratings`."""
    every = Field(layout)
    if method == "nuts":
        from calibrant.priorities.model.nuts import sample

        found, least = sample(every, seed=seed, draws=max(-(-draws // 4), 100))
        return finish(
            layout, found, "nuts", dont_know=dont_know, seed=seed, k_hat=math.nan, effective=least
        )
    hyper = explore(every, pooled=bool(layout.categories), points=points, seed=seed)
    drawn = draw(every, hyper, draws, np.random.default_rng((seed, 1)))
    return finish(
        layout, drawn, "laplace", dont_know=dont_know, seed=seed,
        k_hat=hyper.k_hat, effective=hyper.effective,
    )  # fmt: skip


def finish(
    layout: Layout, sample: Sample, method: str, *, dont_know: float, seed: int,
    k_hat: float, effective: float,
) -> ModelFit:  # fmt: skip
    """Results from draws, whatever made them."""
    rng = np.random.default_rng((seed, 2))
    counts = layout.counts()
    means, n = {}, {}
    for q, name in enumerate(layout.questions):
        score = sample.scores[q]
        share = np.zeros_like(score)
        if dont_know:
            share = rng.beta(layout.unknown[q] + 0.5, counts[q] + 0.5, score.shape)
        variance = sample.spreads[0][:, q, q]
        means[name] = mixed(score, sample.thresholds[q], variance, share, dont_know)
        n[name] = counts[q]
    component = components(layout)
    notes = _notes(layout, component, counts, dont_know, k_hat)
    kinds = ("rater", "area", "category")
    return ModelFit(
        AreaPosterior(layout.areas, means, n, method, notes),
        dict(zip(layout.questions, sample.scores, strict=True)),
        dict(zip(layout.questions, sample.thresholds, strict=True)),
        dict(zip(layout.questions, sample.own, strict=False)),
        dict(zip(kinds, sample.spreads, strict=False)),
        sample.severity,
        layout.respondents,
        component,
        layout.questions,
        k_hat,
        effective,
    )


def components(layout: Layout) -> NDArray[np.int64]:
    """Which areas hang together by raters in common, shape (areas,), numbered from 0."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    raters = len(layout.respondents)
    r = np.concatenate([a.respondent for a in layout.answers])
    c = np.concatenate([a.area for a in layout.answers]) + raters
    size = raters + len(layout.areas)
    graph = coo_array((np.ones(r.size), (r, c)), shape=(size, size))
    label = connected_components(graph, directed=False)[1][raters:]
    return np.asarray(np.unique(label, return_inverse=True)[1], dtype=np.int64)


def _notes(
    layout: Layout, component: NDArray[np.int64], counts: tuple[NDArray[np.int64], ...],
    dont_know: float, k_hat: float,
) -> tuple[str, ...]:  # fmt: skip
    notes = []
    parts = int(component.max()) + 1
    if parts > 1:
        notes.append(
            f"Raters link the areas in {parts} groups only; what separates groups is not the "
            "areas' alone but also their raters', and is known only as far as raters of all "
            "groups are taken for alike."
        )
    for name, n in zip(layout.questions, counts, strict=True):
        none = [a for a, k in zip(layout.areas, n, strict=True) if not k]
        if none:
            notes.append(
                f"Without a rating of {one_line(name, 40)}: {one_line(', '.join(none), 200)}; "
                "what is said of them comes from other questions and areas."
            )
    if not layout.categories:
        notes.append("Areas are not pooled in categories.")
    if len(layout.respondents) == 1:
        notes.append("One rater: how far raters differ comes from the prior alone.")
    if dont_know:
        notes.append(
            f"Those who do not know are taken to score {dont_know:+g} residual standard "
            "deviations from the others."
        )
    if k_hat > TRUSTED:
        notes.append(
            f"The importance weights of the spreads have a heavy tail (k = {k_hat:.2f}); more "
            "points, or the sampler, would be safer."
        )
    return tuple(notes)
