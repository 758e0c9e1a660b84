"""Where does the spread of scores come from, and how many items are enough? Generalizability.

Cronbach, Gleser, Nanda and Rajaratnam (1972); Brennan, *Generalizability Theory*, 2001.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import stdtrit

from calibrant.errors import InputError
from calibrant.quality.reliability.coefficients import Floats, Ints
from calibrant.quality.reliability.generalizability import Component, Generalizability, Needed
from calibrant.quality.responses import Responses
from calibrant.stats.variance.cells import cell_components
from calibrant.stats.variance.components import RESIDUAL, VarianceComponents
from calibrant.stats.variance.layout import (
    FACETS,
    REPLICATE,
    SUBJECT,
    Layout,
    layout,
    shares,
)

PARTS = 20
"""Parts in which subjects, and items, are left out for intervals."""

DRAWN = ("cluster", "item")
"""Facets of which a longer benchmark has more."""


@dataclass(frozen=True)
class _Errors:
    """What coefficients are made of."""

    universe: float
    relative: float
    absolute: float
    mean: float
    mean_variance: float
    relative_kept: float = 0.0
    absolute_kept: float = 0.0

    def coefficient(self, name: str, cut: float | None, items: float = 1.0) -> float:
        """Eρ² ("relative"), Φ ("absolute") or Φ(λ) ("cut"), with so many times the items.

        0 if subjects do not differ.
        """
        if self.universe <= 0:
            return 0.0
        away = 0.0
        if name == "cut":
            # The squared distance, freed of its own error.
            away = max((self.mean - (cut or 0.0)) ** 2 - self.mean_variance, 0.0)
        order = name == "relative"
        error, kept = (
            (self.relative, self.relative_kept) if order else (self.absolute, self.absolute_kept)
        )
        error = kept + (error - kept) / items
        return (self.universe + away) / (self.universe + away + error)


@dataclass(frozen=True, eq=False)
class _Point:
    """The point estimates of one table."""

    plan: Layout
    found: VarianceComponents
    errors: _Errors


def crossed(x: Floats) -> tuple[float, float, float, float]:
    """Mean and components of subject, item and residual of a matrix without holes, at least 0."""
    n, k = x.shape
    rows, columns, mean = x.mean(axis=1), x.mean(axis=0), float(x.mean())
    total = float(((x - mean) ** 2).sum())
    one = k * float(((rows - mean) ** 2).sum())
    other = n * float(((columns - mean) ** 2).sum())
    rest = max(total - one - other, 0.0) / ((n - 1) * (k - 1))
    subject = max((one / (n - 1) - rest) / k, 0.0)
    return mean, subject, max((other / (k - 1) - rest) / n, 0.0), rest


def generalizability(
    responses: Responses,
    *,
    facets: Sequence[str] | None = None,
    families: Ints | None = None,
    cut: float | None = None,
    targets: Sequence[float] = (0.8, 0.9, 0.95),
    level: float = 0.95,
    seed: int = 0,
) -> Generalizability:
    """Divide the variance of scores between subjects, items and whatever else varies.

    Variances by Henderson's method 1, the analysis of variance where the table is complete, which
    holes at random leave unbiased. Coefficients are of subjects' means in this very layout.
    Their intervals leave out subjects (whole families) and items (whole clusters) in turn and add
    both variances, on the scale of log(1 − coefficient).

    Args:
        responses: with one row a trial in `long` where there are epochs, variants or graders.
        facets: some of `FACETS`; by default those that vary.
        families: shape (subjects,), 0, 1, …
        cut: a score for Φ(λ), within the limits of the responses.
        targets: coefficients to plan for.

    Raises:
        InputError: if components cannot be told apart, or subjects do not differ.
    """
    table = long_table(responses)
    wanted = _wanted(table, facets)
    point = _point(table, wanted)
    whole = point.errors
    if whole.universe <= 0:
        raise InputError(
            "reliability: subjects differ no more than chance would make them, so there is none"
        )
    scale = responses.high - responses.low
    where = None if cut is None else (cut - responses.low) / scale
    statistics = ["relative", "absolute"] + ([] if where is None else ["cut"])
    values = {name: whole.coefficient(name, where) for name in statistics}
    own = np.arange(len(responses.subjects)) if families is None else families
    ends, note = _intervals(responses, table, wanted, own, values, where, level, seed)
    items = _items(point.plan)
    results = {name: (values[name], *ends[name]) for name in statistics}
    kept = {"relative": whole.relative_kept, "absolute": whole.absolute_kept}
    error = {"relative": whole.relative, "absolute": whole.absolute}
    needed = tuple(
        Needed(
            symbol, target,
            _needed(target, items, whole.universe, error[name], kept[name]),
            *(_at_end(target, items, end, kept[name]) for end in reversed(results[name][1:])),
        )
        for name, symbol in (("relative", "Eρ²"), ("absolute", "Φ"))
        for target in targets
    )  # fmt: skip
    return Generalizability(
        point.plan.facets, _components(point, level), items, whole.universe, whole.relative,
        whole.absolute, whole.relative_kept, whole.absolute_kept, results["relative"],
        results["absolute"], where, results.get("cut"), needed, note,
    )  # fmt: skip


def long_table(responses: Responses) -> pl.DataFrame:
    """One row a scored trial: subject, cluster, item, variant, epoch, grader, score in 0–1."""
    clusters = responses.item_column("cluster")
    if responses.long is not None:
        known = responses.long
        score = (pl.col("score").cast(pl.Float64) - responses.low) / (
            responses.high - responses.low
        )
        more = [pl.lit("").alias(c) for c in ("variant", "grader") if c not in known.columns]
        more += [pl.lit(1).alias("epoch")] if "epoch" not in known.columns else []
        table = known.with_columns(score.alias("score"), *more).filter(
            pl.col("score").is_not_null() & pl.col("score").is_not_nan()
        )
    else:
        row, column = np.nonzero(responses.observed)
        table = pl.DataFrame({
            "subject": pl.Series(responses.subjects)[row],
            "item": pl.Series(responses.items)[column], "score": responses.unit[row, column],
        }).with_columns(variant=pl.lit(""), epoch=pl.lit(1), grader=pl.lit(""))  # fmt: skip
    if clusters is not None and 1 < len(set(clusters)) < len(clusters) and None not in clusters:
        names = pl.DataFrame({"item": list(responses.items), "cluster": clusters})
        table = table.drop("cluster", strict=False).join(names, on="item", how="left")
    return table.with_columns(run=pl.lit("")) if "run" not in table.columns else table


def _wanted(table: pl.DataFrame, facets: Sequence[str] | None) -> tuple[str, ...]:
    if facets is None:
        vary = [f for f in ("cluster", "grader") if f in table.columns and table[f].n_unique() > 1]
        return tuple(f for f in FACETS if f in (*vary, "item", "variant", "epoch"))
    for name in facets:
        if name not in FACETS:
            raise InputError(f"facets: wanted some of {', '.join(FACETS)}, got {name!r}")
        if name not in table.columns:
            raise InputError(f"facets: the responses do not say which {name} each is of")
    if "item" not in facets:
        raise InputError("facets: wanted item among them")
    return tuple(f for f in FACETS if f in facets)


def _point(table: pl.DataFrame, wanted: Sequence[str]) -> _Point:
    plan = layout(table, wanted, nested_variants=False)
    if plan.object is None:
        raise InputError("reliability: wanted at least 2 subjects, got 1")
    if "item" not in {f.name for f in plan.estimated}:
        raise InputError("reliability: wanted at least 2 items that differ from their clusters")
    names = [SUBJECT, *(f.name for f in plan.estimated)]
    found = cell_components(plan.table, plan.names, facets=names)
    value = found.estimates()
    sums = dict.fromkeys(("relative", "absolute", "relative_kept", "absolute_kept"), 0.0)
    for term, share in shares(plan).items():
        own = plan.residual if term is None else term
        error = value[RESIDUAL if term is None else plan.names[term]] * float(share.mean())
        fixed = not own & set(DRAWN)
        for kind in ("relative", "absolute")[0 if SUBJECT in own else 1 :]:
            sums[kind] += error
            sums[f"{kind}_kept"] += error * fixed
    errors = _Errors(value[SUBJECT], mean=found.mean, mean_variance=found.mean_se**2, **sums)
    return _Point(plan, found, errors)


def _items(plan: Layout) -> float:
    """Items that a subject has, on average."""
    typical = {f.name: f.typical for f in plan.facets}
    return math.prod(typical.get(f, 1.0) for f in DRAWN)


def _components(point: _Point, level: float) -> tuple[Component, ...]:
    part = point.found.shares()
    made = []
    for c in point.found.components:
        own = point.plan.residual if c.term == RESIDUAL else frozenset(c.term.split(":"))
        name = ":".join(f for f in (SUBJECT, *FACETS, REPLICATE) if f in own)
        role = "universe" if own == {SUBJECT} else "relative" if SUBJECT in own else "absolute"
        made.append(
            Component(name, c.estimate or 0.0, *c.interval(level), part[c.term], c.levels, role)
        )
    return tuple(made)


def _intervals(
    responses: Responses,
    table: pl.DataFrame,
    wanted: Sequence[str],
    families: Ints,
    values: dict[str, float],
    cut: float | None,
    level: float,
    seed: int,
) -> tuple[dict[str, tuple[float | None, float | None]], str]:
    """Delete-a-part jackknife over subjects and over items, both variances added."""
    rng = np.random.default_rng(seed)
    unit = "cluster" if "cluster" in wanted else "item"
    names = responses.items if unit == "item" else tuple(dict.fromkeys(table["cluster"]))
    refit = _refit(responses, table, wanted, families, unit, names)
    variance = dict.fromkeys(values, 0.0)
    free = math.inf
    none: dict[str, tuple[float | None, float | None]] = dict.fromkeys(values, (None, None))
    if any(v >= 1 - 1e-12 for v in values.values()):
        return none, "no intervals: no error is left"
    for name, units in ((SUBJECT, int(families.max()) + 1), (unit, len(names))):
        if units < 8:
            what = "families of subjects" if name == SUBJECT else f"{name}s"
            return none, f"no intervals: wanted at least 8 {what}, got {units}"
        parts = min(units, PARTS)
        part = rng.permutation(units) % parts
        logs: dict[str, list[float]] = {v: [] for v in values}
        for p in range(parts):
            kept = part != p
            try:
                left = refit(name, kept)
            except InputError as e:
                return none, f"no intervals: without some {name}s, {e}"
            # Brought back to all the items, so that parts of unequal size do not count as spread.
            times = 1.0 if name == SUBJECT else units / float(kept.sum())
            for v in values:
                value = left.coefficient(v, cut, times)
                if value >= 1 - 1e-12:
                    return none, "no intervals: without some of the table no error is left"
                logs[v].append(math.log(1.0 - value))
        for v, found in logs.items():
            variance[v] += (parts - 1) ** 2 / parts * float(np.var(found, ddof=1))
        free = min(free, parts - 1)
    t = float(stdtrit(free, (1 + level) / 2))
    ends: dict[str, tuple[float | None, float | None]] = {}
    for v, value in values.items():
        centre, step = math.log(1.0 - value), t * math.sqrt(variance[v])
        ends[v] = (1.0 - math.exp(centre + step), 1.0 - math.exp(centre - step))
    return ends, f"intervals by leaving out parts of the subjects and of the {unit}s"


def _refit(
    responses: Responses,
    table: pl.DataFrame,
    wanted: Sequence[str],
    families: Ints,
    unit: str,
    names: Sequence[str],
) -> Callable[[str, NDArray[np.bool_]], _Errors]:
    """The errors without some families of subjects, or without some items (or clusters)."""
    plain = unit == "item" and responses.complete and table.height == responses.scores.size

    def of_matrix(name: str, kept: NDArray[np.bool_]) -> _Errors:
        x = responses.unit[kept[families]] if name == SUBJECT else responses.unit[:, kept]
        if min(x.shape) < 2:
            raise InputError("too few are left")
        mean, s, i, r = crossed(x)
        n, k = x.shape
        return _Errors(s, r / k, (i + r) / k, mean, s / n + i / k + r / (n * k))

    def of_table(name: str, kept: NDArray[np.bool_]) -> _Errors:
        mark = kept[families] if name == SUBJECT else kept
        of = responses.subjects if name == SUBJECT else names
        chosen = [n for n, m in zip(of, mark, strict=True) if m]
        return _point(table.filter(pl.col(name).is_in(chosen)), wanted).errors

    return of_matrix if plain else of_table


def _needed(target: float, items: float, universe: float, error: float, kept: float) -> int | None:
    """Items at which universe / (universe + error) reaches the target."""
    if not 0 < target < 1:
        raise InputError(f"target: wanted strictly between 0 and 1, got {target!r}")
    allowed = universe * (1.0 - target) / target - kept
    if error - kept <= 0:
        return 1 if allowed >= 0 else None
    if allowed <= 0:
        return None
    # Rounding must not ask for one item more where the target is met exactly.
    return max(1, math.ceil(items * (error - kept) / allowed - 1e-9))


def _at_end(target: float, items: float, end: float | None, kept: float) -> int | None:
    """The same, were the coefficient at an end of its interval; not said where errors stay."""
    if end is None or not 0 < end < 1 or kept > 0:
        return None
    return _needed(target, items, end, 1.0 - end, 0.0)
