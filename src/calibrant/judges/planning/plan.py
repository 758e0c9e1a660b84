"""How many gold labels are needed, and on which items? The verb `calibrant judge plan`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.judges.planning.designs import (
    draw_active,
    draw_strata,
    main_chances,
    neyman,
    phase_weights,
)
from calibrant.judges.planning.estimate import Measurand
from calibrant.judges.planning.model import Model, from_assumptions, from_pilot
from calibrant.judges.planning.operating import Certifying, certifying_labels
from calibrant.judges.planning.result import LabelPlan, Point, Stratum
from calibrant.judges.planning.search import Costs, Goal, Option, Relation, evaluate, option
from calibrant.judges.planning.simulate import DESIGNS, Design
from calibrant.judges.planning.tables import Items, items_of
from calibrant.stats.estimates.betting import check_level

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WORTH = 0.05
"""Share of the cost that a less simple design must save to be recommended, and what the judge must
be worth beyond 1."""

POINTS = 9
"""Numbers of labels on the curve of each design."""


def plan(
    source: Any,
    *,
    judge: str = "judge",
    gold: str | None = None,
    doubt: str | None = None,
    item: str | None = None,
    positive: str | None = None,
    width: float | None = None,
    claim: tuple[float, Relation] | None = None,
    sensitivity: float | None = None,
    specificity: float | None = None,
    rate: float | None = None,
    power: float = 0.8,
    level: float = 0.95,
    measurand: Measurand = "population",
    cost_label: float = 1.0,
    cost_judge: float = 0.0,
    budget: float | None = None,
    design: Design | None = None,
    seed: int = 0,
) -> LabelPlan:
    """Plan gold labels for a wanted width or a claim, and choose the items to label.

    Each design is tried with more and more labels until enough of its simulated studies (or exact
    chances, for claims under assumed rates) succeed; the cheapest is recommended, the simpler one
    where it costs little more. What the pilot leaves unknown of the judge is drawn anew in each
    simulated study.

    Args:
        source: a path or table with one row per item; or the number of items, if the judge has
            not seen them yet (then state sensitivity, specificity and rate).
        judge: column of the judge's verdicts (0/1) or scores, or of two labels with `positive`.
        gold: column of a pilot's gold labels, empty elsewhere; a uniform random sample.
        doubt: column of the judge's doubt, larger for more (such as an entropy or 1 - confidence).
        item: column of ids; by default "item" or "id", if there is one.
        positive: the label that counts as 1, where verdicts or gold labels are text.
        width: of the two-sided interval to reach.
        claim: (threshold, "below" or "above"), decided by one-sided limits.
        sensitivity, specificity, rate: assumed, where there is no pilot.
        power: wanted chance of reaching the goal, strictly between 0 and 1.
        level: confidence.
        measurand: "population" the items are a sample of, or these "items".
        cost_label, cost_judge: of one gold label, and of one verdict if it is still to be paid.
        budget: what may be spent; if the goal costs more, the best that it buys is planned.
        design: plan this design, not the cheapest.
        seed: of simulations and of the draw of items.

    Raises:
        InputError: for absent columns, goals or assumptions that are missing or impossible.
    """
    goal = _goal(width, claim, power, level, measurand)
    for name, cost in (("cost_label", cost_label), ("cost_judge", cost_judge), ("budget", budget)):
        if cost is not None and not 0 <= cost < float("inf"):
            raise InputError(f"{name}: wanted a finite number of 0 or more, got {cost!r}")
    if design is not None and design not in get_args(Design):
        raise InputError(f"design: wanted one of {', '.join(DESIGNS)}, got {design!r}")
    table = items_of(source, judge=judge, gold=gold, doubt=doubt, item=item, positive=positive)
    model = _model(table, sensitivity, specificity, rate)
    costs = Costs(cost_label, cost_judge)
    names = [d for d in DESIGNS if d != "active" or _has_detail(model)]
    if design is not None and design not in names:
        raise InputError(
            "design: 'active' wants a doubt, or scores of more than two values with a pilot"
        )
    options = tuple(option(model, goal, d, most=model.items, seed=seed, costs=costs) for d in names)
    best, reason = _recommended(options, design, model.gain(level, seed)[0])
    affordable = None
    if budget is not None and (best is None or (best.cost or 0) > budget):
        affordable, why = _affordable(model, goal, names, design, budget, costs, seed)
        best, reason = affordable, f"{why}; {reason}" if best is None else why
    rows, strata = _chosen(table, model, best, seed)
    value, low, high = model.gain(level, seed)
    return LabelPlan(
        goal, model.items, int(model.pilot.size), model.source, model.overall, value, low, high,
        options, best, reason, affordable is not None, strata,
        _certifying(model, goal, sensitivity, specificity),
        _curve(model, goal, names, options, seed),
        tuple(_notes(model, goal, low)), seed, rows,
    )  # fmt: skip


def _goal(
    width: float | None, claim: tuple[float, Relation] | None, power: float, level: float,
    measurand: Measurand,
) -> Goal:  # fmt: skip
    check_level(level)
    if not 0 < power < 1:
        raise InputError(f"power: wanted strictly between 0 and 1, got {power!r}")
    if measurand not in ("items", "population"):
        raise InputError(f"measurand: wanted 'items' or 'population', got {measurand!r}")
    if (width is None) == (claim is None):
        raise InputError("goal: wanted either a width or a claim (below or above a threshold)")
    if claim is None:
        if not 0 < width < 1:  # type: ignore[operator]
            raise InputError(f"width: wanted strictly between 0 and 1, got {width!r}")
        return Goal(width, None, None, power, level, measurand)
    if len(claim) != 2 or claim[1] not in ("below", "above"):
        raise InputError(f"claim: wanted (threshold, 'below' or 'above'), got {claim!r}")
    if not 0 < claim[0] < 1:
        raise InputError(f"threshold: wanted strictly between 0 and 1, got {claim[0]!r}")
    return Goal(None, float(claim[0]), claim[1], power, level, measurand)


def _model(
    table: Items, sensitivity: float | None, specificity: float | None, rate: float | None
) -> Model:
    stated = sensitivity is not None and specificity is not None
    if table.judge is not None and table.pilot.size and not stated:
        return from_pilot(table.judge, table.doubt, table.pilot, table.gold)
    if sensitivity is None or specificity is None:
        raise InputError(
            "judge: wanted a pilot of gold labels (gold), or an assumed sensitivity and specificity"
        )
    model = from_assumptions(table.judge, table.n, sensitivity, specificity, rate, table.doubt)
    return replace(model, pilot=table.pilot, gold=table.gold)


def _has_detail(model: Model) -> bool:
    """Whether the judge's doubt differs within strata, so that items can be told apart."""
    top = np.full(model.sizes.size, -np.inf)
    low = np.full(model.sizes.size, np.inf)
    np.maximum.at(top, model.stratum, model.finer)
    np.minimum.at(low, model.stratum, model.finer)
    return bool(np.any(top - low > 1e-9))


def _recommended(
    options: tuple[Option, ...], wanted: Design | None, gain: float
) -> tuple[Option | None, str]:
    if wanted is not None:
        one = next(o for o in options if o.design == wanted)
        return (one, "as asked") if one.labels is not None else (None, f"{wanted}: {one.note}")
    reached = [o for o in options if o.cost is not None]
    if not reached:
        return None, "no design reaches the goal with these items"
    if gain < 1 + WORTH and reached[0].design == "gold only":
        return reached[0], "the judge is not worth it: its values say nothing of the labels"
    least = min(o.cost for o in reached if o.cost is not None)
    best = next(o for o in reached if o.cost is not None and o.cost * (1 - WORTH) <= least)
    alone = options[0].cost
    if best.design == "gold only":
        return best, "the judge is not worth it: labels alone cost as little"
    if alone is None:
        return best, "gold labels alone do not reach the goal"
    assert best.cost is not None
    return best, f"{1 - best.cost / max(alone, 1e-12):.0%} cheaper than gold labels alone"


def _affordable(
    model: Model, goal: Goal, names: list[Design], wanted: Design | None, budget: float,
    costs: Costs, seed: int,
) -> tuple[Option | None, str]:  # fmt: skip
    """The best that the budget buys: most likely to reach the goal, then narrowest."""
    found = []
    for d in names:
        if wanted not in (None, d):
            continue
        left = budget - (costs.judge * model.items if d != "gold only" else 0.0)
        more = model.items if costs.label == 0 else int(max(left, 0) / costs.label)
        n = min(int(model.pilot.size) + more, model.items)
        if left < 0 or n < max(10, 3 * model.sizes.size):
            continue
        found.append(evaluate(model, goal, d, n, seed=seed, costs=costs))
    if not found:
        return None, f"a budget of {budget:g} buys too few labels for any design"
    best = max(found, key=lambda o: (round(o.chance, 2), -o.width))
    return best, f"the best that a budget of {budget:g} buys"


def _chosen(
    table: Items, model: Model, best: Option | None, seed: int
) -> tuple[pl.DataFrame, tuple[Stratum, ...]]:
    """The items to label with their probabilities, and labels per stratum."""
    total: Floats = np.zeros(model.sizes.size)
    rows = pl.DataFrame()
    if best is not None and best.labels is not None:
        draw = _draw_active if best.design == "active" else _draw_random
        sample, every = draw(model, best.design, best.labels, np.random.default_rng([seed, 7]))
        total = np.asarray(np.bincount(model.stratum, weights=every), np.float64)
        if table.judge is not None:
            names = np.array(model.names)[model.stratum[sample.at]]
            main = np.arange(sample.at.size) >= model.pilot.size
            rows = table.rows(sample.at, names, main, sample.p, sample.weight)
    strata = tuple(
        Stratum(model.names[c], int(model.sizes[c]), float(model.rate[c]),
                int(model.pilot_labels()[c]), round(float(total[c]), 9))
        for c in range(model.sizes.size)
    )  # fmt: skip
    return rows, strata


@dataclass(frozen=True, eq=False)
class _Sample:
    """Chosen items, the pilot first: positions, chances of being chosen, what a label counts."""

    at: Ints
    p: Floats
    weight: Floats


def _draw_random(
    model: Model, design: str, n: int, rng: np.random.Generator
) -> tuple[_Sample, Floats]:
    """At random, within strata if they are asked for; and the chance of every item."""
    labels, stratum = np.array([n]), np.zeros(model.items, dtype=np.int64)
    if design == "stratified":
        labels = neyman(n, model.sizes, model.spread, already=model.pilot_labels())
        stratum = model.stratum
    at = np.concatenate([model.pilot, draw_strata(stratum, labels, model.pilot, rng)])
    every = np.asarray((labels / np.bincount(stratum))[stratum])
    return _Sample(at, every[at], 1 / every[at]), every


def _draw_active(model: Model, _: str, n: int, rng: np.random.Generator) -> tuple[_Sample, Floats]:
    """Each by its doubt, after the pilot; and the labels that every item may expect."""
    have = int(model.pilot.size)
    more = max(n - have, 1)
    chances = main_chances(n, have, model.finer)
    new = draw_active(chances, model.pilot, rng)
    first, second = phase_weights(have, more, model.items, chances)
    at = np.concatenate([model.pilot, new])
    p = np.concatenate([np.full(have, have / model.items), chances[new]])
    every = chances.copy()
    every[model.pilot] = 1
    return _Sample(at, p, np.concatenate([np.full(have, first), second[new]])), every


def _certifying(
    model: Model, goal: Goal, sensitivity: float | None, specificity: float | None
) -> Certifying | None:
    """For a claim and a judge with verdicts 0 and 1: labels that validate it for other items."""
    if goal.threshold is None or goal.relation is None or set(model.value) - {0.0, 1.0}:
        return None
    p, share, v = model.rate, model.share, model.value
    rate = model.overall
    if not 0 < rate < 1:
        return None
    se = sensitivity if sensitivity is not None else float((share * p) @ v) / rate
    sp = specificity
    if sp is None:
        sp = float((share * (1 - p)) @ (1 - v)) / (1 - rate)
    if se + sp <= 1:
        return None
    return certifying_labels(
        min(se, 1.0), min(sp, 1.0), rate, goal.threshold, goal.relation, items=model.items,
        power=goal.power, level=goal.level,
    )  # fmt: skip


def _curve(
    model: Model, goal: Goal, names: list[Design], options: tuple[Option, ...], seed: int
) -> tuple[Point, ...]:
    """Mean width and chance at a few numbers of labels, for the figure."""
    needs = [o.labels for o in options if o.labels is not None]
    top = min(model.items, max([2 * n for n in needs] or [model.items]))
    low = max(int(model.pilot.size), 3 * model.sizes.size, 10, top // 40)
    if low >= top:
        return ()
    grid = np.unique(np.geomspace(low, top, POINTS).round().astype(int))
    found = []
    for d in names:
        for n in grid:
            o = evaluate(model, goal, d, int(n), seed=seed, draws=200)
            found.append(Point(d, int(n), o.width, o.chance))
    return tuple(found)


def _notes(model: Model, goal: Goal, low: float | None) -> list[str]:
    notes = []
    if model.source == "pilot":
        notes.append(
            f"the pilot's {model.pilot.size} labels are taken as drawn at random from all items"
        )
    else:
        notes.append("planned under the stated sensitivity, specificity and rate, not from data")
    if low is not None and low <= 1.1:
        notes.append("the pilot cannot tell whether the judge is worth anything")
    if goal.threshold is not None:
        inside = (
            model.overall < goal.threshold
            if goal.relation == "below"
            else model.overall > goal.threshold
        )
        if not inside:
            notes.append(
                f"the expected rate {model.overall:.4g} is not {goal.relation} "
                f"{goal.threshold:g}: the claim is probably false"
            )
    return notes
