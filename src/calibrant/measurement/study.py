"""Where does the spread of scores come from, and which should be bought next? On the trials table.

A generalizability study with subjects as the object of measurement (Cronbach, Gleser, Nanda and
Rajaratnam 1972; Brennan, *Generalizability Theory*, 2001).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from calibrant.errors import InputError
from calibrant.measurement.facets import FACETS, chosen
from calibrant.measurement.purchases import Goal, shopping
from calibrant.measurement.tables import as_trials, is_rate, of_score
from calibrant.stats.variance.cells import EXACT_UP_TO, balanced, cell_components
from calibrant.stats.variance.components import RESIDUAL, VarianceComponents
from calibrant.stats.variance.generalizability import Error, GStudy, g_study
from calibrant.stats.variance.layout import REPLICATE, SUBJECT, Facet, Layout, layout, shares
from calibrant.stats.variance.purchase import Marginal, Purchase


@dataclass(frozen=True)
class Source:
    """One source of variation of a single trial's score.

    Attributes:
        term: facets joined by ":", such as "subject:item"; the residual's are all of them.
        variance: at least 0, in squared units of the score.
        standard_error: of the variance, under normality.
        interval: for the variance, at the study's level; infinite where little is known.
        share: of the variance of one trial, 0–1.
        levels: that the table has.
        error: what it does to a subject's mean: "relative" (an error of both kinds), "absolute"
            (shifts all subjects alike) or "universe" (what is measured).
        note: "negative, set to 0", or empty.
    """

    term: str
    variance: float
    standard_error: float
    interval: tuple[float, float]
    share: float
    levels: int
    error: str
    note: str


@dataclass(frozen=True)
class SubjectMean:
    """A subject's mean with its absolute standard error in this very layout."""

    subject: str
    mean: float
    standard_error: float
    n: int


@dataclass(frozen=True)
class Study:
    """A generalizability study of one score on one instrument.

    Attributes:
        instrument, score: of what; score None if graders are a facet.
        cannot: why nothing could be estimated; None if it could.
        facets: of the table, with their nesting and how many of each a subject meets.
        sources: variance components, the residual last.
        subjects: means with standard errors, in order of the table.
        standard_error: absolute, of a subject's mean, root mean square over subjects.
        relative_standard_error: for differences between subjects; None with a single subject.
        generalizability, dependability: Eρ² and Φ of the subjects' means, 0–1; None with a single
            subject, or without any variation.
        costs: price per unit, by facets joined with ":".
        marginals: what one more level of each facet would bring to the typical layout, per unit of
            cost, the best first.
        purchase: the best design for the budget or target; None if neither was given.
        spent: the cost of the typical layout of one subject.
        n, missing: scored trials, and trials without a score, which are left out.
        notes: what to keep in mind.
    """

    instrument: str
    score: str | None
    level: float
    cannot: str | None
    n: int
    missing: int
    facets: tuple[Facet, ...] = ()
    sources: tuple[Source, ...] = ()
    subjects: tuple[SubjectMean, ...] = ()
    standard_error: float | None = None
    relative_standard_error: float | None = None
    generalizability: float | None = None
    dependability: float | None = None
    error: Error = "absolute"
    costs: tuple[tuple[str, float], ...] = ()
    spent: float | None = None
    marginals: tuple[Marginal, ...] = ()
    purchase: Purchase | None = None
    notes: tuple[str, ...] = ()

    @property
    def next(self) -> str | None:
        """The facet that brings most per unit of cost; None if none helps."""
        if not self.marginals or not self.marginals[0].reduction > 0:
            return None
        return self.marginals[0].facet

    def __repr__(self) -> str:
        what = f"{self.score or 'all graders'} on {self.instrument}"
        if self.cannot is not None:
            return f"{what}: cannot be studied: {self.cannot}"
        text = f"{what}: a subject's mean has standard error {self.standard_error:.4g}"
        if self.generalizability is not None and self.dependability is not None:
            text += f", Eρ² {self.generalizability:.3f}, Φ {self.dependability:.3f}"
        top = max(self.sources, key=lambda s: s.share)
        text += f"; most of the variation ({top.share:.0%}) is {top.term}"
        return text + (f"; next, buy {self.next}s" if self.next else "")

    def to_dict(self) -> dict[str, Any]:
        """Plain data; infinite ends and ratios are None."""
        data = {**self.__dict__, "subjects": [asdict(s) for s in self.subjects]}
        data["facets"] = [f.to_dict() for f in self.facets]
        data["sources"] = [{**asdict(s), "interval": [_json(x) for x in s.interval]}
                           for s in self.sources]  # fmt: skip
        data["costs"] = dict(self.costs)
        data["marginals"] = [{**asdict(m), "ratio": _json(m.ratio)} for m in self.marginals]
        data["purchase"] = None if self.purchase is None else self.purchase.to_dict()
        data["next"] = self.next
        data["notes"] = list(self.notes)
        return data


def _json(x: float) -> float | None:
    return x if math.isfinite(x) else None


def study(
    source: Any,
    *,
    score: str | None = None,
    instrument: str | None = None,
    facets: Sequence[str] | None = None,
    costs: Mapping[str, float] | None = None,
    budget: float | None = None,
    target: float | None = None,
    at_most: Mapping[str, int] | None = None,
    fresh: bool = False,
    error: Error = "absolute",
    level: float = 0.95,
) -> list[Study]:
    """Study where the variation of each score on each instrument comes from.

    Variances are estimated by Henderson's method 1, which is the usual analysis of variance where
    the table is balanced. Items, variants and graders are crossed with each other and with
    subjects, or nested, as the table shows; epochs are nested in what they repeat.

    Args:
        source: a path that `read_trials` takes, or a table of trials.
        score: study this score only. With graders as a facet it cannot be given.
        instrument: study this instrument only.
        facets: some of "item", "variant" ("variant/item" if labels recur without meaning the
            same), "epoch" and "grader"; the default is the first three. Name "grader" only
            where graders are replicates that answer one question, not different scores.
        costs: price of one item, one wording of an item ("variant"), one answer ("epoch") and one
            grade ("grader"), for one subject; or of units of one's own, facets joined by ":". By
            default every trial costs 1 and nothing else does.
        budget: what may be spent on top of what there is; finds the most precise design.
        target: standard error of a subject's mean to reach; finds the cheapest design.
        at_most: highest levels of facets, counting what there is.
        fresh: plan a new design from nothing, not an addition to this one.
        error: "absolute" (a subject's own value) or "relative" (differences between subjects).
        level: of the intervals, strictly between 0 and 1.

    Raises:
        InputError: for no trials, unknown names, impossible prices or goals, or a target out of
            reach.
    """
    if not 0 < level < 1:
        raise InputError(f"level: wanted strictly between 0 and 1, got {level!r}")
    wanted, nested = chosen(facets)
    if "grader" in wanted and score is not None:
        raise InputError("score: with graders as a facet, all of them are studied together")
    trials = of_score(as_trials(source), score)
    if instrument is not None:
        known = trials["instrument"].unique().sort().to_list()
        trials = trials.filter(pl.col("instrument") == instrument)
        if trials.is_empty():
            raise InputError(
                f"instrument: wanted one of {', '.join(known[:8])}, got {instrument!r}"
            )
    if budget is not None and target is not None:
        raise InputError("goal: wanted a budget or a target, got both")
    goal = Goal(dict(costs or {}), budget, target, dict(at_most or {}), fresh, error)
    goal.check()
    keys = ["instrument"] if "grader" in wanted else ["instrument", "grader"]
    return [
        _one(str(k[0]), None if len(k) == 1 else str(k[1]), part, wanted, nested, goal, level)
        for k, part in trials.group_by(keys, maintain_order=True)
    ]


def _one(
    instrument: str,
    score: str | None,
    part: pl.DataFrame,
    wanted: Sequence[str],
    nested: bool,
    goal: Goal,
    level: float,
) -> Study:
    scored = part.filter(pl.col("score").is_not_null())
    counts: dict[str, Any] = {"n": scored.height, "missing": part.height - scored.height}
    try:
        if scored.height < 2:
            raise InputError(f"wanted at least 2 scored trials, got {scored.height}")
        plan = layout(scored, wanted, nested_variants=nested)
        if goal.error == "relative" and plan.object is None:
            raise InputError("relative error needs at least two subjects")
        found = cell_components(plan.table, plan.names, facets=_names(plan))
    except InputError as e:
        # What cannot be estimated is said, and the other groups are still studied.
        return Study(instrument, score, level, str(e), **counts)
    g = g_study(found, object=plan.object, residual=":".join(_residual(plan)))
    absolute, relative = _errors(plan, found)
    universe = None if plan.object is None else found[SUBJECT].estimate or 0.0
    return Study(
        instrument, score, level, None, **counts,
        facets=plan.facets,
        sources=_sources(plan, found, g, level),
        subjects=_means(plan, absolute),
        standard_error=math.sqrt(float(absolute.mean())),
        relative_standard_error=None if universe is None else math.sqrt(float(relative.mean())),
        generalizability=_ratio(universe, float(relative.mean())),
        dependability=_ratio(universe, float(absolute.mean())),
        error=goal.error,
        notes=_notes(plan, counts["missing"], scored["score"]),
        **shopping(plan, g, goal, f"{score or 'all graders'} on {instrument}"),
    )  # fmt: skip


def _names(plan: Layout) -> list[str]:
    return [*([SUBJECT] if plan.object else []), *(f.name for f in plan.estimated)]


def _residual(plan: Layout) -> list[str]:
    return [f for f in (SUBJECT, *FACETS, REPLICATE) if f in plan.residual]


def _ratio(universe: float | None, error: float) -> float | None:
    if universe is None or universe + error <= 0:
        return None
    return universe / (universe + error)


def _errors(plan: Layout, found: VarianceComponents) -> tuple[np.ndarray[Any, Any], ...]:
    """Absolute and relative error variance of each subject's mean in this layout."""
    value = found.estimates()
    part = shares(plan)
    absolute = value[RESIDUAL] * part[None]
    relative = np.zeros_like(absolute) if plan.object is None else absolute.copy()
    for term, share in part.items():
        if term is None:
            continue
        absolute = absolute + value[plan.names[term]] * share
        if SUBJECT in term:
            relative = relative + value[plan.names[term]] * share
    return absolute, relative


def _means(plan: Layout, absolute: np.ndarray[Any, Any]) -> tuple[SubjectMean, ...]:
    t = plan.table
    code = t.codes[frozenset([SUBJECT])] if plan.object else np.zeros(t.count.size, np.int64)
    size = np.bincount(code, weights=t.count)
    mean = np.bincount(code, weights=t.count * t.mean) / size
    return tuple(
        SubjectMean(name, float(m), math.sqrt(float(v)), int(n))
        for name, m, v, n in zip(plan.subjects, mean, absolute, size, strict=True)
    )


def _sources(
    plan: Layout, found: VarianceComponents, g: GStudy, level: float
) -> tuple[Source, ...]:
    shares = found.shares()
    roles = {term: role for term, _, role in g.d_study(dict.fromkeys(g.facets, 1)).parts}
    return tuple(
        Source(
            term=":".join(_residual(plan)) if c.term == RESIDUAL else c.term,
            variance=c.estimate or 0.0,
            standard_error=c.se or 0.0,
            interval=c.interval(level),
            share=shares[c.term],
            levels=c.levels,
            error=roles[c.term],
            note=c.note,
        )
        for c in found.components
    )


def _notes(plan: Layout, missing: int, scores: pl.Series) -> tuple[str, ...]:
    notes = []
    if plan.object is None:
        notes.append("one subject: absolute error only; Eρ² and Φ compare subjects")
    for f in plan.facets:
        if not f.estimated:
            notes.append(f"{f.name}: {f.note}; its variance is not 0, but cannot be estimated")
        elif f.name == "variant" and "item" not in f.within:
            notes.append(
                "variants are crossed with items, as labels recur; if a label means nothing across "
                "items, name the facet variant/item"
            )
    if missing:
        notes.append(f"{missing} trials have no score and are left out")
    if is_rate(scores):
        notes.append("scores of 0 and 1: estimates are unbiased, intervals are a guide only")
    terms = list(plan.names)
    if sum(plan.table.sizes[s].size for s in terms) > EXACT_UP_TO and not balanced(
        plan.table, terms
    ):
        notes.append("large and unbalanced: standard errors take mean squares as independent")
    return tuple(notes)
