"""Where does the spread of scores come from, and how many items are enough? Generalizability.

Cronbach, Gleser, Nanda and Rajaratnam (1972); Brennan, *Generalizability Theory*, 2001.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy.special import stdtrit

from calibrant.errors import InputError
from calibrant.quality.reliability.coefficients import Floats, Ints
from calibrant.quality.responses import Responses
from calibrant.stats.variance.cells import cell_components
from calibrant.stats.variance.components import RESIDUAL, VarianceComponents
from calibrant.stats.variance.layout import FACETS, REPLICATE, SUBJECT, Facet, Layout, layout, shares

PARTS = 20
"""Parts in which subjects, and items, are left out for intervals."""

DRAWN = ("cluster", "item")
"""Facets of which a longer benchmark has more."""


@dataclass(frozen=True)
class Component:
    """One source of variation of a single trial's score.

    Attributes:
        term: facets joined by ":", such as "subject:item"; the residual's are all of them.
        variance: at least 0, in squared units of scores brought to 0–1.
        low, high: under normality, at the result's level; `high` may be infinite.
        share: of the variance of one trial, 0–1.
        levels: that the table has.
        role: "universe" (what is measured), "relative" (error of order) or "absolute" (shifts all
            subjects alike).
    """

    term: str
    variance: float
    low: float
    high: float
    share: float
    levels: int
    role: str


@dataclass(frozen=True)
class Needed:
    """How long a benchmark must be for a target.

    Attributes:
        coefficient: "Eρ²" or "Φ".
        target: wanted, 0–1.
        items: the fewest; None if no number is enough.
        low, high: the same at the ends of the coefficient's interval; None likewise.
    """

    coefficient: str
    target: float
    items: int | None
    low: int | None
    high: int | None


@dataclass(frozen=True)
class Generalizability:
    """A generalizability study of subjects' means.

    Attributes:
        facets: of the table, with their nesting.
        components: the residual last.
        items: that a subject has, on average.
        universe: variance of subjects' universe scores.
        relative, absolute: error variances of a subject's mean, averaged over subjects.
        relative_kept, absolute_kept: the parts of them that more items do not lower.
        coefficient, dependability: Eρ² and Φ with intervals; the ends None where none can be had.
        cut: a score λ, on 0–1; None if not given.
        cut_dependability: Φ(λ), for decisions at λ (Brennan and Kane 1977).
        needed: numbers of items for targets.
        note: on the intervals.
    """

    facets: tuple[Facet, ...]
    components: tuple[Component, ...]
    items: float
    universe: float
    relative: float
    absolute: float
    relative_kept: float
    absolute_kept: float
    coefficient: tuple[float, float | None, float | None]
    dependability: tuple[float, float | None, float | None]
    cut: float | None
    cut_dependability: tuple[float, float | None, float | None] | None
    needed: tuple[Needed, ...]
    note: str

    def at(self, items: Floats) -> tuple[Floats, Floats, Floats]:
        """Eρ², Φ and the absolute standard error with so many items, all else as it is."""
        ratio = self.items / np.asarray(items, np.float64)
        relative = self.relative_kept + (self.relative - self.relative_kept) * ratio
        absolute = self.absolute_kept + (self.absolute - self.absolute_kept) * ratio
        whole = self.universe
        return whole / (whole + relative), whole / (whole + absolute), np.sqrt(absolute)

    def __repr__(self) -> str:
        return (
            f"Eρ² {self.coefficient[0]:.4f}, Φ {self.dependability[0]:.4f} of means over "
            f"{self.items:,.6g} items"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data; an infinite end is None."""
        data = dict(self.__dict__)
        data["facets"] = [f.to_dict() for f in self.facets]
        data["components"] = [
            {**c.__dict__, "high": c.high if math.isfinite(c.high) else None}
            for c in self.components
        ]
        data["needed"] = [dict(n.__dict__) for n in self.needed]
        return data


@dataclass(frozen=True, eq=False)
class _Point:
    """The point estimates of one table."""

    plan: Layout
    found: VarianceComponents
    universe: float
    relative: float
    absolute: float
    relative_kept: float
    absolute_kept: float
    mean: float
    mean_variance: float

    def ratio(self, error: float) -> float:
        return self.universe / (self.universe + error)

    def at_cut(self, cut: float) -> float:
        """Φ(λ) with the squared distance freed of its own error."""
        away = max((self.mean - cut) ** 2 - self.mean_variance, 0.0)
        return (self.universe + away) / (self.universe + away + self.absolute)


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
    if point.universe <= 0:
        raise InputError(
            "reliability: subjects differ no more than chance would make them, so there is none"
        )
    scale = responses.high - responses.low
    where = None if cut is None else (cut - responses.low) / scale
    statistics = ["relative", "absolute"] + ([] if where is None else ["cut"])
    values = {name: _coefficient(point, name, where) for name in statistics}
    own = np.arange(len(responses.subjects)) if families is None else families
    ends, note = _intervals(table, wanted, own, responses.subjects, values, where, level, seed)
    items = _items(point.plan)
    results = {name: (values[name], *ends[name]) for name in statistics}
    kept = {"relative": point.relative_kept, "absolute": point.absolute_kept}
    error = {"relative": point.relative, "absolute": point.absolute}
    needed = tuple(
        Needed(
            symbol, target,
            _needed(target, items, point.universe, error[name], kept[name]),
            *(_at_end(target, items, end, kept[name]) for end in reversed(results[name][1:])),
        )
        for name, symbol in (("relative", "Eρ²"), ("absolute", "Φ"))
        for target in targets
    )  # fmt: skip
    return Generalizability(
        point.plan.facets, _components(point, level), items, point.universe, point.relative,
        point.absolute, point.relative_kept, point.absolute_kept, results["relative"],
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
        # Enumerations, so that a hundred thousand names are not written out.
        table = pl.DataFrame({
            "subject": pl.Series(responses.subjects)[row], "item": pl.Series(responses.items)[column],
            "score": responses.unit[row, column],
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
    return _Point(plan, found, value[SUBJECT], mean=found.mean, mean_variance=found.mean_se**2,
                  **sums)  # fmt: skip


def _coefficient(point: _Point, name: str, cut: float | None) -> float:
    if name == "cut":
        assert cut is not None
        return point.at_cut(cut)
    return point.ratio(point.relative if name == "relative" else point.absolute)


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
    table: pl.DataFrame,
    wanted: Sequence[str],
    families: Ints,
    subjects: Sequence[str],
    values: dict[str, float],
    cut: float | None,
    level: float,
    seed: int,
) -> tuple[dict[str, tuple[float | None, float | None]], str]:
    """Delete-a-part jackknife over subjects and over items, both variances added."""
    rng = np.random.default_rng(seed)
    unit = "cluster" if "cluster" in wanted else "item"
    drawn = table[unit].unique(maintain_order=True)
    family = pl.DataFrame({"subject": list(subjects), "unit": families})
    variance = dict.fromkeys(values, 0.0)
    free = math.inf
    none: dict[str, tuple[float | None, float | None]] = dict.fromkeys(values, (None, None))
    for name, units in (("subject", int(families.max()) + 1), (unit, drawn.len())):
        if units < 8:
            what = "families of subjects" if name == "subject" else f"{name}s"
            return none, f"no intervals: wanted at least 8 {what}, got {units}"
        parts = min(units, PARTS)
        part = rng.permutation(units) % parts
        if name == "subject":
            key = family.select("subject", part=pl.Series(part[family["unit"].to_numpy()]))
        else:
            key = pl.DataFrame({unit: drawn, "part": part})
        marked = table.join(key, on=name, how="left")
        logs: dict[str, list[float]] = {v: [] for v in values}
        for p in range(parts):
            try:
                point = _point(marked.filter(pl.col("part") != p), wanted)
            except InputError as e:
                return none, f"no intervals: without some {name}s, {e}"
            for v in values:
                left = _coefficient(point, v, cut) if point.universe > 0 else 0.0
                if left >= 1 - 1e-12:
                    return none, "no intervals: without some of the table no error is left"
                logs[v].append(math.log(1.0 - left))
        for v, found in logs.items():
            variance[v] += (parts - 1) ** 2 / parts * float(np.var(found, ddof=1))
        free = min(free, parts - 1)
    if any(v >= 1 - 1e-12 for v in values.values()):
        return none, "no intervals: no error is left"
    t = float(stdtrit(free, (1 + level) / 2))
    ends: dict[str, tuple[float | None, float | None]] = {}
    for v, value in values.items():
        centre, step = math.log(1.0 - value), t * math.sqrt(variance[v])
        ends[v] = (1.0 - math.exp(centre + step), 1.0 - math.exp(centre - step))
    return ends, f"intervals by leaving out parts of the subjects and of the {unit}s"


def _needed(
    target: float, items: float, universe: float, error: float, kept: float
) -> int | None:
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
