"""What is the rate (or mean), and where does its uncertainty come from? On the trials table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from calibrant.errors import InputError
from calibrant.measurement.conformity import ConformityRule, conformity, requirement
from calibrant.measurement.exposure import (
    Exposure,
    check_used,
    exposure_for,
    said,
    without_exposure,
)
from calibrant.measurement.grader import Gold, check_gold, correct, effective_trials
from calibrant.measurement.tables import Group, as_trials, cluster_label, groups, of_score
from calibrant.stats.budgets.budget import Budget, Component, combine
from calibrant.stats.estimates.clusters import ClusterMethod, Clusters, cluster_interval
from calibrant.stats.estimates.intervals import Side
from calibrant.stats.estimates.means import t_mean
from calibrant.stats.estimates.rates import interval as rate_interval

if TYPE_CHECKING:
    from calibrant._figure import Figure

Population = Literal["tasks", "items"]

_SIDES: tuple[Side, Side] = ("lower", "upper")
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
        effective: for a rate, the independent trials that its trials are worth; else None.
        raw_value: the rate of positive grades, where `value` is corrected for the grader's errors.
        conformity: the decision about the limits, where there are any; see `conformity`.
        exposure: where `value` is corrected for exposure: the score as `observed`, and the
            `inflation` with its limits `low` and `high` and its `design`.
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
    effective: float | None = None
    raw_value: float | None = None
    conformity: dict[str, Any] | None = None
    exposure: dict[str, Any] | None = None

    def __repr__(self) -> str:
        what = f"{self.score} of {self.subject} on {self.instrument}"
        if self.value is None:
            return f"{what}: no trial has a score ({self.missing} missing)"
        within = "" if self.interval is None else " in [{:.4g}, {:.4g}]".format(*self.interval)
        if self.exposure is not None:
            what += ", without exposure"
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
    limit_lower: float | None = None,
    limit_upper: float | None = None,
    rule: ConformityRule = "guarded",
    risk: float = 0.05,
    prior: tuple[float, float] | None = None,
    grader: Gold | None = None,
    exposure: Sequence[Exposure] = (),
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
        limit_lower, limit_upper: permitted values; with either, `conformity` says whether they
            are met (JCGM 106:2012).
        rule: "guarded" decides only where the risk at a limit is at most `risk`; "simple" by the
            value alone.
        risk: above 0 and below ½.
        prior: parameters of the beta prior of rates, by default Jeffreys' (½, ½).
        grader: ((right, gold positives), (right, gold negatives)) of the grader, to correct rates
            for its errors.
        exposure: inflations of scores by exposure (`calibrant.contamination.read_inflation`), by
            which they are corrected. An inflation from the very trials that are measured makes
            the interval wider than need be, as both are taken as independent.

    Raises:
        InputError: for no trials, an unknown score or column, a level outside 0–1, or an
            inflation of what is not measured.
    """
    if not 0 < level < 1:
        raise InputError(f"level: wanted strictly between 0 and 1, got {level!r}")
    if population not in ("tasks", "items"):
        raise InputError(f"population: wanted 'tasks' or 'items', got {population!r}")
    trials = of_score(as_trials(source), score)
    if cluster is not None and cluster not in trials.columns:
        raise InputError(f"cluster: no column {cluster!r}; there are {', '.join(trials.columns)}")
    extra = _declared(declared or {})
    wanted = requirement(limit_lower, limit_upper, rule, risk, prior)
    gold = None if grader is None else check_gold(grader)
    if gold is not None and exposure:
        raise InputError(
            "exposure: wanted no grader beside it, as inflation is of the graded score"
        )
    by = pl.col("item") if population == "items" else cluster_label(trials, cluster)
    found = []
    for group in groups(trials, by):
        seen = exposure_for(exposure, group.subject, group.instrument, group.score)
        one = _one(group, level, side, population, extra, gold, seen)
        if wanted is not None:
            below, above = (_one(group, 1 - risk, s, population, extra, gold, seen) for s in _SIDES)
            one = replace(one, conformity=conformity(one, below, above, wanted, gold))
        found.append(one)
    check_used(exposure, {(m.subject, m.instrument, m.score) for m in found})
    return found


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
    group: Group,
    level: float,
    side: Side,
    population: Population,
    declared: list[Component],
    gold: Gold | None,
    seen: Exposure | None = None,
) -> Measurement:
    base: dict[str, Any] = {
        "subject": group.subject, "instrument": group.instrument, "score": group.score,
        "level": level, "side": side, "population": population,
        "n": group.n, "clusters": group.sizes.size, "missing": group.missing,
    }  # fmt: skip
    nothing: dict[str, Any] = {
        "standard_uncertainty": None, "interval": None, "if_missing": None, "budget": ()
    }  # fmt: skip
    if group.n == 0:
        return Measurement(value=None, method="nothing observed", **nothing, **base)
    try:
        on = _on_these_items if population == "items" else _on_tasks
        found = on(group, level, side)
        if group.rate:
            base["effective"] = effective_trials(
                group.sums, group.sizes, found.components, level, side, fixed=population == "items"
            )
        if gold is not None:
            if not group.rate:
                raise InputError("grader: wanted scores of 0 and 1 to correct, got others")
            base["raw_value"] = found.value
            found = _Found(
                *correct(found.value, base["effective"], found.components, gold, level, side)
            )
        if seen is not None:
            base["exposure"] = said(seen, found.value, level, side)
            # What the trials are worth says nothing of the corrected rate.
            base["effective"] = None
            found = _unexposed(found, seen, level, side, group.rate)
    except InputError as e:
        # What cannot be estimated is said, and the other groups are still measured.
        base["raw_value"] = None
        method = f"cannot be estimated: {e}"
        return Measurement(value=group.mean, method=method, **nothing, **base)
    rate, share = group.rate, group.missing / (group.n + group.missing)
    budget = combine(found.value, [*found.components, *declared, *_missing(share, rate)])
    low, high = _widen(found, declared, level, side, rate)
    outer = (low * (1 - share), high * (1 - share) + share) if rate and share else None
    return Measurement(
        value=found.value,
        standard_uncertainty=budget.u,
        interval=(low, high),
        method=found.method + (", widened for declared terms" if declared else ""),
        if_missing=outer,
        budget=_rows(budget),
        **base,
    )


def _unexposed(found: _Found, seen: Exposure, level: float, side: Side, rate: bool) -> _Found:
    """What the sampled scores say of the score without exposure."""
    value, low, high, more = without_exposure(found.value, found.low, found.high, seen, level, side)
    if rate:
        value, low, high = (min(max(x, 0.0), 1.0) for x in (value, low, high))
    method = f"{found.method}, corrected for exposure ({seen.design})"
    return _Found(value, low, high, method, [*found.components, *more])


def _on_tasks(group: Group, level: float, side: Side) -> _Found:
    if group.sizes.size == group.n:
        return _independent(group, level, side)
    clusters = Clusters(group.sums, group.sizes)
    parts = _components(clusters, float(group.within.sum()))
    method: ClusterMethod = "robust"
    if group.rate:
        many = group.sizes.size > SIMULATED_UP_TO
        method = "korn-graubard" if many else "beta-binomial"
    found = cluster_interval(clusters, method=method, level=level, side=side)
    return _Found(found.value, found.low, found.high, found.method, parts)


def _independent(group: Group, level: float, side: Side) -> _Found:
    n = group.n
    if group.rate:
        k = round(group.sums.sum())
        exact = rate_interval(k, n, level=level, side=side)
        # Agresti and Coull's centre keeps the uncertainty of a clean record away from zero.
        centre = (k + 2) / (n + 4)
        u = math.sqrt(centre * (1 - centre) / (n + 4))
        item = Component("items", "A", u, df=max(n - 1, 1))
        return _Found(k / n, exact.low, exact.high, exact.method, [item])
    found = t_mean(group.sums, level=level, side=side)
    item = Component("items", "A", found.standard_error or 0.0, df=found.df or math.inf)
    return _Found(found.value, found.low, found.high, found.method, [item])


def _components(clusters: Clusters, within_squares: float) -> list[Component]:
    """Between and within clusters, by one-way analysis of variance (unbalanced, Searle 1971)."""
    sums, sizes = clusters.sums, clusters.sizes
    total, many = int(sizes.sum()), sizes.size
    mean = sums.sum() / total
    between = float((sizes * (sums / sizes - mean) ** 2).sum()) / (many - 1)
    within_df = total - many
    within = within_squares / max(within_df, 1)
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


def _on_these_items(group: Group, level: float, side: Side) -> _Found:
    """Items are fixed: only answers vary, epoch by epoch."""
    epochs = group.sizes
    single = int((epochs < 2).sum())
    if single:
        raise InputError(
            f"{single} of {epochs.size} items have one epoch; with the items fixed, repeated "
            "epochs are all that tells how answers vary"
        )
    parts = group.within / (epochs - 1) / epochs
    u = math.sqrt(float(parts.sum())) / epochs.size
    if u == 0:
        raise InputError("no item varied between its epochs")
    # Satterthwaite's approximation for a sum of variances.
    df = float(parts.sum()) ** 2 / float((parts**2 / (epochs - 1)).sum())
    value = float((group.sums / epochs).mean())
    budget = combine(value, [Component("epochs", "A", u, df=df)])
    wide = budget.expanded(level if side == "two" else 2 * level - 1)
    low = -math.inf if side == "upper" else value - wide
    high = math.inf if side == "lower" else value + wide
    if group.rate:
        low, high = max(low, 0.0), min(high, 1.0)
    return _Found(value, low, high, "items fixed, t over epochs", list(budget.components))


def _missing(share: float, rate: bool) -> Iterable[Component]:
    """Missing outcomes of a rate may lie anywhere in 0–1: a rectangular Type B term."""
    if rate and share:
        yield Component.from_limits("missing trials", share / 2)


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
