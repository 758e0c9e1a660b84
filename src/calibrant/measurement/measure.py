"""What is the rate (or mean), and where does its uncertainty come from? On the trials table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from calibrant.errors import InputError
from calibrant.measurement.tables import as_trials, is_rate, of_score
from calibrant.stats.budgets.budget import Budget, Component, combine
from calibrant.stats.estimates.clusters import ClusterMethod, Clusters, cluster_interval
from calibrant.stats.estimates.intervals import Side
from calibrant.stats.estimates.means import t_mean
from calibrant.stats.estimates.rates import interval as rate_interval

if TYPE_CHECKING:
    from calibrant._figure import Figure

Population = Literal["tasks", "items"]

SIMULATED_UP_TO = 2000
"""Clusters; with more, the normal limit behind Korn–Graubard is as good and needs no simulation."""


@dataclass(frozen=True)
class Measurement:
    """A measured rate or mean of one subject on one instrument, by one score.

    Attributes:
        value: the estimate; None if no trial has a score.
        standard_uncertainty: combined over the budget; None if it cannot be estimated.
        interval: low and high; None if it cannot be estimated, and `method` says why.
        population: "tasks" (items are a sample) or "items" (these items, sampled answers).
        n, clusters, missing: trials with a score, clusters among them, trials without one.
        if_missing: the interval's outer limits if missing trials went the worst way (rates only).
        budget: sources of uncertainty with type, standard uncertainty and share of the variance.
    """

    subject: str
    instrument: str
    score: str
    value: float | None
    standard_uncertainty: float | None
    interval: tuple[float, float] | None
    level: float
    side: Side
    method: str
    population: Population
    n: int
    clusters: int
    missing: int
    if_missing: tuple[float, float] | None
    budget: tuple[dict[str, Any], ...]

    def __repr__(self) -> str:
        what = f"{self.score} of {self.subject} on {self.instrument}"
        if self.value is None:
            return f"{what}: no trial has a score ({self.missing} missing)"
        within = "" if self.interval is None else " in [{:.4g}, {:.4g}]".format(*self.interval)
        return f"{what}: {self.value:.4g}{within} ({self.level:.0%}, {self.method}; n = {self.n})"

    def to_dict(self) -> dict[str, Any]:
        """Plain data; infinite ends are None."""
        data = asdict(self)
        for key in ("interval", "if_missing"):
            if data[key] is not None:
                data[key] = [x if math.isfinite(x) else None for x in data[key]]
        data["budget"] = list(self.budget)
        return data

    def plot(self) -> Figure:
        """The estimate with its interval, and its budget as bars."""
        from calibrant.measurement.figures import plot_measurement

        return plot_measurement(self)

    def _repr_html_(self) -> str:
        return self.plot().svg()


def measure(
    source: Any,
    *,
    score: str | None = None,
    cluster: str | None = None,
    level: float = 0.95,
    side: Side = "two",
    population: Population = "tasks",
    declared: Mapping[str, float] | None = None,
) -> list[Measurement]:
    """Measure every score of every subject on every instrument.

    With population "tasks" the items are a sample: trials of one cluster (the `cluster` column,
    else the item, whose epochs are alike) count as dependent. Rates without clusters get
    Clopper–Pearson; rates in clusters the beta-binomial inversion, or Korn–Graubard with more than
    2,000 clusters; other scores Student's t, cluster-robust where there are clusters. With
    "items" the items are all there is, and only repeated epochs tell how answers vary.

    Args:
        source: a path that `read` takes, or a table of trials.
        score: measure this score only.
        cluster: column that names clusters, by default "cluster" where it is filled.
        level: confidence, strictly between 0 and 1.
        side: "two", "upper" or "lower".
        population: "tasks" or "items".
        declared: Type B standard uncertainties by source, in the units of the score.

    Raises:
        InputError: for no trials, an unknown score or column, or a level outside 0–1.
    """
    if not 0 < level < 1:
        raise InputError(f"level: wanted strictly between 0 and 1, got {level!r}")
    if population not in ("tasks", "items"):
        raise InputError(f"population: wanted 'tasks' or 'items', got {population!r}")
    trials = of_score(as_trials(source), score)
    if cluster is not None and cluster not in trials.columns:
        raise InputError(f"cluster: no column {cluster!r}; there are {', '.join(trials.columns)}")
    extra = _declared(declared or {})
    keys = ["subject", "instrument", "grader"]
    return [
        _one((str(k[0]), str(k[1]), str(k[2])), part, cluster, level, side, population, extra)
        for k, part in trials.group_by(keys, maintain_order=True)
    ]


def _declared(terms: Mapping[str, float]) -> list[Component]:
    return [Component(source, "B", u) for source, u in terms.items()]


@dataclass(frozen=True)
class _Found:
    """What the sampled scores say."""

    value: float
    low: float
    high: float
    method: str
    components: list[Component]


def _one(
    key: tuple[str, str, str],
    part: pl.DataFrame,
    cluster: str | None,
    level: float,
    side: Side,
    population: Population,
    declared: list[Component],
) -> Measurement:
    scored = part.filter(pl.col("score").is_not_null())
    missing = part.height - scored.height
    per = _per_cluster(scored, cluster)
    base: dict[str, Any] = {
        "subject": key[0], "instrument": key[1], "score": key[2], "level": level, "side": side,
        "population": population, "n": scored.height, "clusters": per.height, "missing": missing,
    }  # fmt: skip
    nothing: dict[str, Any] = {
        "standard_uncertainty": None, "interval": None, "if_missing": None, "budget": ()
    }  # fmt: skip
    if scored.is_empty():
        return Measurement(value=None, method="nothing observed", **nothing, **base)
    value = float(scored["score"].mean())  # type: ignore[arg-type]
    try:
        if population == "items":
            found = _on_these_items(scored, level, side)
        else:
            found = _on_tasks(scored["score"], per, level, side)
    except InputError as e:
        # What cannot be estimated is said, and the other groups are still measured.
        return Measurement(value=value, method=f"cannot be estimated: {e}", **nothing, **base)
    rate = is_rate(scored["score"])
    budget = combine(value, [*found.components, *declared, *_missing(missing, part.height, rate)])
    low, high = _widen(found, declared, level, side, rate)
    share = missing / part.height
    outer = (low * (1 - share), high * (1 - share) + share) if rate and missing else None
    return Measurement(
        value=value,
        standard_uncertainty=budget.u,
        interval=(low, high),
        method=found.method + (", widened for declared terms" if declared else ""),
        if_missing=outer,
        budget=_rows(budget),
        **base,
    )


def _per_cluster(scored: pl.DataFrame, cluster: str | None) -> pl.DataFrame:
    """Sum, number and sum of squares of the scores per cluster: the asked column, else the item."""
    name = cluster or "cluster"
    unnamed = scored[name].null_count()
    label = pl.col(name)
    if unnamed == scored.height:
        label = pl.col("item")
    elif unnamed:
        # A prefix keeps an item from sharing the name of somebody else's cluster.
        label = pl.coalesce("c:" + pl.col(name).cast(pl.String), "i:" + pl.col("item"))
    y = pl.col("score")
    return scored.group_by(label.alias("label"), maintain_order=True).agg(
        y.sum().alias("sum"), pl.len().cast(pl.Int64).alias("size"), (y * y).sum().alias("square")
    )


def _on_tasks(scores: pl.Series, per: pl.DataFrame, level: float, side: Side) -> _Found:
    rate, many = is_rate(scores), per.height
    if many == scores.len():
        return _independent(scores.to_numpy(), level, side, rate)
    clusters = Clusters(per["sum"].to_numpy(), per["size"].to_numpy())
    parts = _components(clusters, float(per["square"].sum()))
    if rate:
        method: ClusterMethod = "beta-binomial" if many <= SIMULATED_UP_TO else "korn-graubard"
        found = cluster_interval(clusters, method=method, level=level, side=side)
    else:
        found = cluster_interval(clusters, method="robust", level=level, side=side)
    return _Found(found.value, found.low, found.high, found.method, parts)


def _independent(y: np.ndarray[Any, Any], level: float, side: Side, rate: bool) -> _Found:
    n = y.size
    if rate:
        k = int(y.sum())
        exact = rate_interval(k, n, level=level, side=side)
        # Agresti and Coull's centre keeps the uncertainty of a clean record away from zero.
        centre = (k + 2) / (n + 4)
        u = math.sqrt(centre * (1 - centre) / (n + 4))
        item = Component("items", "A", u, df=max(n - 1, 1))
        return _Found(k / n, exact.low, exact.high, exact.method, [item])
    found = t_mean(y, level=level, side=side)
    item = Component("items", "A", found.standard_error or 0.0, df=found.df or math.inf)
    return _Found(found.value, found.low, found.high, found.method, [item])


def _components(clusters: Clusters, squares: float) -> list[Component]:
    """Between and within clusters, by one-way analysis of variance (unbalanced, Searle 1971)."""
    sums, sizes = clusters.sums, clusters.sizes
    total, many = int(sizes.sum()), sizes.size
    mean = sums.sum() / total
    between = float((sizes * (sums / sizes - mean) ** 2).sum()) / (many - 1)
    within_df = total - many
    within = max(squares - float((sums**2 / sizes).sum()), 0.0) / max(within_df, 1)
    typical = (total - float((sizes**2).sum()) / total) / (many - 1)
    among = max((between - within) / typical, 0.0)
    share = float((sizes.astype(float) ** 2).sum()) / total**2
    if within == 0 and among == 0:
        # All alike: as for a clean record of so many independent clusters.
        centre = (mean * many + 2) / (many + 4)
        spread = math.sqrt(max(centre * (1 - centre), 0.0) / (many + 4))
        return [Component("clusters", "A", spread, df=many - 1)]
    return [
        Component("clusters", "A", math.sqrt(among * share), df=many - 1),
        Component("trials within clusters", "A", math.sqrt(within / total), df=max(within_df, 1)),
    ]


def _on_these_items(scored: pl.DataFrame, level: float, side: Side) -> _Found:
    """Items are fixed: only answers vary, epoch by epoch."""
    per = scored.group_by("item").agg(
        pl.col("score").mean().alias("mean"),
        pl.col("score").var().alias("var"),
        pl.len().alias("epochs"),
    )
    single = per.filter(pl.col("epochs") < 2).height
    if single:
        raise InputError(
            f"{single} of {per.height} items have one epoch; with the items fixed, repeated "
            "epochs are all that tells how answers vary"
        )
    parts = (per["var"] / per["epochs"]).to_numpy()
    u = math.sqrt(float(parts.sum())) / per.height
    if u == 0:
        raise InputError("no item varied between its epochs")
    # Satterthwaite's approximation for a sum of variances.
    df = float(parts.sum()) ** 2 / float((parts**2 / (per["epochs"].to_numpy() - 1)).sum())
    value = float(per["mean"].mean())  # type: ignore[arg-type]
    budget = combine(value, [Component("epochs", "A", u, df=df)])
    wide = budget.expanded(level if side == "two" else 2 * level - 1)
    low = -math.inf if side == "upper" else value - wide
    high = math.inf if side == "lower" else value + wide
    if is_rate(scored["score"]):
        low, high = max(low, 0.0), min(high, 1.0)
    return _Found(value, low, high, "items fixed, t over epochs", list(budget.components))


def _missing(missing: int, total: int, rate: bool) -> Iterable[Component]:
    """Missing outcomes of a rate may lie anywhere in 0–1: a rectangular Type B term."""
    if rate and missing:
        yield Component.from_limits("missing trials", missing / total / 2)


def _widen(
    found: _Found, declared: list[Component], level: float, side: Side, rate: bool
) -> tuple[float, float]:
    """Add declared terms to each half of the interval in quadrature (MOVER)."""
    if not declared:
        return found.low, found.high
    wide = combine(found.value, declared).expanded(level if side == "two" else 2 * level - 1)
    low = found.value - math.hypot(found.value - found.low, wide)
    high = found.value + math.hypot(found.high - found.value, wide)
    return (max(low, 0.0), min(high, 1.0)) if rate else (low, high)


def _rows(budget: Budget) -> tuple[dict[str, Any], ...]:
    return tuple(
        {"source": c.source, "type": c.kind, "u": abs(c.contribution), "share": s,
         "df": c.df if math.isfinite(c.df) else None}
        for c, s in zip(budget.components, budget.shares, strict=True)
    )  # fmt: skip
