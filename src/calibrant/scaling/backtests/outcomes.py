"""How did the stacked forecast do? Every judged outcome with its scores, once at each horizon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from calibrant.scaling.backtests.cuts import Cut, Rule, along
from calibrant.scaling.backtests.run import COMPONENTS, Rows, Said, Trial
from calibrant.scaling.predictive import Predictive, mixed
from calibrant.scaling.scores import Floats, Names, Scores
from calibrant.scaling.stacking.weights import stack

Mask = NDArray[np.bool_]

ORDERS = (0.0, 0.5, 1.0, 2.0, 3.0, 6.0)
MONTHS = (0.0, 6.0, 12.0, 24.0, 48.0)
ABILITY = (0.0, 0.25, 0.5, 1.0, 2.0)
"""Horizons end at these distances; the first is within what was known, the last has no end."""

AGE = {"scale": 0.5, "date": 0.5 * 365.25, "axis": 0.25}
"""Lifetimes of what was learnt at a cut: half an order of magnitude of compute, half a year."""
MOST = 3.0
"""Outcomes that a recent one may count for."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What was forecast and what came, one entry for each judged forecast of the past.

    Attributes:
        row, cut: shape (n,); of the table of scores, and of the cuts.
        subject, family, measure: shape (n,).
        y: shape (n,); the score that came.
        orders, months: shape (n,); distance beyond what was known.
        ability: shape (n,); likewise, on the first axis of what is given; NaN where nothing is.
        horizon: shape (n,); the index of the distance that counts, -1 where it is unknown.
        stranger: shape (n,); the family was not known at all.
        log_score, crps, transform: shape (n,); transform is P(score ≤ y).
        low, high: shape (n,); the central interval.
        each: shape (models, n); log scores of the models, NaN where one said nothing.
        each_crps, each_covered: shape (models, n), likewise.
    """

    row: Rows
    cut: Rows
    subject: Names
    family: Names
    measure: Names
    y: Floats
    orders: Floats
    months: Floats
    horizon: Rows
    stranger: Mask
    log_score: Floats
    crps: Floats
    transform: Floats
    low: Floats
    high: Floats
    each: Floats
    each_crps: Floats
    each_covered: Floats
    ability: Floats

    def __len__(self) -> int:
        return self.row.size

    @property
    def covered(self) -> Mask:
        """Whether each outcome fell into its interval."""
        return np.asarray((self.low <= self.y) & (self.y <= self.high))

    def take(self, rows: Mask | Rows) -> Outcomes:
        """Some of them."""
        flat = {
            name: getattr(self, name)[rows]
            for name in self.__dataclass_fields__
            if not name.startswith("each")
        }
        deep = {n: getattr(self, n)[:, rows] for n in ("each", "each_crps", "each_covered")}
        return replace(self, **flat, **deep)

    def once(self) -> Outcomes:
        """Each outcome once at each horizon: as forecast at the last cut that sees it there."""
        key = self.row * 100 + self.horizon
        _, last = np.unique(key[::-1], return_index=True)
        return self.take(np.sort(len(self) - 1 - last))


def combined(said: Said, names: Sequence[str], share: Floats) -> tuple[Predictive, Mask] | None:
    """The stacked forecast, and of which scores anything was said; None if no model spoke."""
    spoke = [(i, *said.forecasts[name]) for i, name in enumerate(names) if name in said.forecasts]
    if not spoke:
        return None
    weight = np.array([share[i] * there for i, _, there in spoke])
    there = weight.sum(axis=0) > 0
    weight[0, ~there] = 1.0
    weight = weight / weight.sum(axis=0)
    return mixed([p for _, p, _ in spoke], weight).compressed(COMPONENTS), there


def evidence(
    scores: Scores, trials: Sequence[Trial], names: Sequence[str], use: Sequence[Mask], rule: Rule
) -> tuple[Floats, Names, Floats]:  # fmt: skip
    """Log scores that weights may be learnt from: shape (models, n), families, and their counts.

    An outcome that was forecast at several cuts counts once in all. What was learnt at cuts long
    ago says less of which model will be right next: outcomes are forgotten with the distance from
    their cut to the last one (`AGE`), and all together stay worth as many as they are.

    Args:
        use: of each trial, which of its outcomes were known by then.
        rule: along what cuts are made; of families left out in turn none is older than another.
    """
    density, rows, ages = [], [], []
    for trial, mask in zip(trials, use, strict=True):
        if mask.any():
            found = trial.said.log_density(names, scores.score[trial.rows])
            density.append(found[:, mask])
            rows.append(trial.rows[mask])
            end = 0.0 if rule.kind == "family" else _end(scores, trial.cut.known, rule)
            ages.append(np.full(rows[-1].size, -end / AGE[rule.along]))
    if not rows:
        return np.zeros((len(names), 0)), np.zeros(0, dtype=str), np.zeros(0)
    row = np.concatenate(rows)
    return np.hstack(density), scores.family[row], counts(row, np.concatenate(ages))


def counts(row: Rows, age: Floats) -> Floats:
    """How much each forecast counts: the distinct outcomes in all, the recent ones for more.

    Args:
        row: shape (n,); which outcome each is of.
        age: shape (n,); how long ago each was made, in lifetimes; from when on does not matter.

    Forgetting as in dynamic model averaging (Raftery, Kárný and Ettler, 2010, Technometrics 52,
    52). An outcome counts for `MOST` at most, so that a few recent ones are not taken for many.
    """
    _, at, times = np.unique(row, return_inverse=True, return_counts=True)
    fresh = np.exp(age.min() - age)
    # Of the cuts that forecast one outcome, the recent ones speak for more of it.
    whole = np.bincount(at, weights=fresh)[at]
    best = np.zeros(times.size)
    np.maximum.at(best, at, fresh)
    each = fresh / whole * best[at]
    return np.asarray(each * np.minimum(times.size / each.sum(), MOST))


def _end(scores: Scores, known: Mask, rule: Rule) -> float:
    """Where what is known ends, along the rule's axis."""
    place = along(scores, rule.along)[known]
    return float(np.nanmax(place)) if np.isfinite(place).any() else 0.0


def weights_then(
    scores: Scores, trials: Sequence[Trial], names: Sequence[str], rule: Rule, k: int
) -> Floats:
    """Weights as they would have been learnt at one cut: from outcomes known by then."""
    cut = trials[k].cut
    if rule.kind == "family":
        others = [t for i, t in enumerate(trials) if i != k]
        use = [np.ones(t.rows.size, dtype=bool) for t in others]
    else:
        others = list(trials[:k])
        use = [cut.known[t.rows] for t in others]
    density, family, count = evidence(scores, others, names, use, rule)
    return stack(density, family, weight=count)


def weights_now(
    scores: Scores, trials: Sequence[Trial], names: Sequence[str], rule: Rule
) -> Floats:
    """Weights learnt from every outcome of the past."""
    use = [np.ones(t.rows.size, dtype=bool) for t in trials]
    density, family, count = evidence(scores, trials, names, use, rule)
    return stack(density, family, weight=count)


def ends_of(rule: Rule) -> tuple[float, ...]:
    """Where the horizons of a rule end."""
    return {"scale": ORDERS, "date": MONTHS, "axis": ABILITY}[rule.along]


def horizon_of(d: Floats, rule: Rule) -> Rows:
    """The index of the horizon a distance falls into, -1 where it is unknown."""
    edges = ends_of(rule)
    found = np.searchsorted(np.array(edges) + 1e-9, np.nan_to_num(d, nan=0.0), side="left")
    return np.where(np.isnan(d), -1, found).astype(np.int64)


def outcomes_of(
    scores: Scores, trials: Sequence[Trial], names: Sequence[str], rule: Rule, level: float
) -> tuple[Outcomes, dict[str, Floats]]:
    """Every judged outcome, forecast with the weights of its time; and those weights, by cut."""
    parts: list[dict[str, NDArray[np.generic]]] = []
    weights: dict[str, Floats] = {}
    for k, trial in enumerate(trials):
        if not trial.cut.judged:
            continue
        share = weights_then(scores, trials, names, rule, k)
        weights[trial.cut.name] = share
        found = combined(trial.said, names, share)
        if found is not None:
            parts.append(_scored(scores, trial, names, rule, level, k, *found))
    if not parts:
        return _nothing(len(names)), weights
    deep = ("each", "each_crps", "each_covered")
    return Outcomes(
        **{n: np.concatenate([p[n] for p in parts], axis=int(n in deep)) for n in parts[0]}
    ), weights


def _scored(
    scores: Scores, trial: Trial, names: Sequence[str], rule: Rule, level: float, k: int,
    forecast: Predictive, there: Mask,
) -> dict[str, NDArray[np.generic]]:  # fmt: skip
    rows = trial.rows[there]
    y = scores.score[rows]
    ours = forecast.take(there)
    low, high = ours.interval(level)
    each = trial.said.log_density(names, scores.score[trial.rows])[:, there]
    crps, covered = np.full_like(each, np.nan), np.full_like(each, np.nan)
    for i, name in enumerate(names):
        if name in trial.said.forecasts:
            one, spoke = trial.said.forecasts[name]
            some = spoke[there]
            one, its = one.take(there & spoke), y[some]
            # In the central interval if and only if the transform is: no quantile is needed.
            covered[i, some] = np.abs(one.cdf(its) - 0.5) <= level / 2
            crps[i, some] = one.crps(its)
    return {
        "row": rows, "cut": np.full(rows.size, k), "subject": scores.subject[rows],
        "family": scores.family[rows], "measure": scores.measure[rows], "y": y,
        "orders": trial.orders[there], "months": trial.months[there],
        "ability": _ability(trial)[there],
        "horizon": horizon_of(distances_of(trial, rule)[there], rule),
        "stranger": trial.stranger[there], "log_score": ours.log_density(y),
        "crps": ours.crps(y), "transform": ours.cdf(y), "low": low, "high": high,
        "each": each, "each_crps": crps, "each_covered": covered,
    }  # fmt: skip


class _Distances(Protocol):
    @property
    def orders(self) -> Floats: ...
    @property
    def months(self) -> Floats: ...
    @property
    def ability(self) -> Floats: ...


def distances_of(of: _Distances, rule: Rule) -> Floats:
    """The distances that count."""
    if rule.along == "axis":
        return of.ability
    return of.months if rule.along == "date" else of.orders


def _ability(trial: Trial) -> Floats:
    return trial.ability if trial.ability.size else np.full(trial.rows.size, np.nan)


def _nothing(models: int) -> Outcomes:
    none, whole, word = np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=str)
    no, deep = np.zeros(0, dtype=bool), np.zeros((models, 0))
    return Outcomes(
        whole, whole, word, word, word, none, none, none, whole, no, none, none, none, none, none,
        deep, deep, deep, none,
    )  # fmt: skip


def judged_cuts(trials: Sequence[Trial]) -> list[Cut]:
    """The cuts whose outcomes count."""
    return [t.cut for t in trials if t.cut.judged]
