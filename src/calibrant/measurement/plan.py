"""How many trials does a claim need? Fixed, curtailed, sequential and anytime designs."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from calibrant.errors import DesignError
from calibrant.stats import Design, anytime, fixed, fixed_size, sprt
from calibrant.stats.tails import binomial_cdf, hypergeometric_cdf

DesignName = Literal["fixed", "curtailed", "sprt", "anytime"]


@dataclass(frozen=True)
class PlannedDesign:
    """One way to decide a claim.

    Attributes:
        design: fixed (all trials, then a decision), curtailed (stopped when the outcome is
            certain), sprt (tuned sequential test) or anytime (e-process).
        trials: the number, or the largest number, of trials.
        accept_at_most: most events with which the last trial still supports the claim.
        expected_trials, support_probability: exact, by true rate of the counted score.
        tokens, cost: expected at `if_really`, and at most, where tokens per trial are given.
    """

    design: DesignName
    trials: int
    accept_at_most: int
    expected_trials: dict[str, float]
    support_probability: dict[str, float]
    tokens: dict[str, float] | None
    cost: dict[str, float] | None


@dataclass(frozen=True)
class Plans:
    """Designs for one claim, decided on support: below (or above) a threshold."""

    relation: Literal["below", "above"]
    threshold: float
    if_really: float
    alpha: float
    beta: float
    items: int | None
    wald_bound: float
    designs: tuple[PlannedDesign, ...]

    def __repr__(self) -> str:
        best = next(d for d in self.designs if d.design == "sprt")
        really = best.expected_trials[_name(self.if_really)]
        return (
            f"{self.relation} {self.threshold:g}, if really {self.if_really:g}: "
            f"{self.designs[0].trials} trials fixed, {really:.0f} expected sequentially"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data; the field names are the contract of `calibrant plan --json`."""
        return {**asdict(self), "designs": [asdict(d) for d in self.designs]}


def plan(
    *,
    below: float | None = None,
    above: float | None = None,
    if_really: float,
    alpha: float = 0.05,
    beta: float = 0.10,
    at_most: int | None = None,
    items: int | None = None,
    tokens: float | None = None,
    price: float | None = None,
) -> Plans:
    """Plan the decision on a claim: four designs with exact error rates and expected trials.

    Args:
        below, above: the claimed threshold; one of them.
        if_really: the design alternative, on the claimed side.
        alpha: chance of supporting a false claim.
        beta: chance of not supporting one that is true at `if_really`.
        at_most: largest number of trials of the sequential designs.
        items: size of the finite data set the claim is about, or None for a generator.
        tokens: tokens per trial.
        price: dollars per million tokens.

    Raises:
        DesignError: for rates that are not, or cannot be told apart.
    """
    if (below is None) == (above is None):
        raise DesignError("plan: wanted one of below and above")
    flip = above is not None
    threshold = above if above is not None else below
    assert threshold is not None
    event = round(1 - threshold, 12) if flip else threshold
    really = round(1 - if_really, 12) if flip else if_really
    limits: dict[str, Any] = {"alpha": alpha, "beta": beta, "items": items}
    size = fixed_size(event, really, **limits)
    whole = fixed(event, really, **limits)
    accept = int(whole.tuning["accept_at_most"])
    sequential = sprt(event, really, at_most=at_most, pursue=False, **limits)
    open_end = anytime(event, alpha=alpha, at_most=at_most, items=items)
    rates = sorted({0.0, really / 2, really, (really + event) / 2, event, min(1.0, 1.5 * event)})
    at_end = _accepted_last(sequential), _accepted_last(open_end)
    designs = (
        _fixed(size, accept, rates, items, flip, tokens, price),
        _sequential("curtailed", whole, accept, rates, flip, tokens, price, really),
        _sequential("sprt", sequential, at_end[0], rates, flip, tokens, price, really),
        _sequential("anytime", open_end, at_end[1], rates, flip, tokens, price, really),
    )
    return Plans(
        "above" if flip else "below", threshold, if_really, alpha, beta, items,
        wald_bound(event, really, alpha, beta), designs,
    )  # fmt: skip


def wald_bound(threshold: float, really: float, alpha: float, beta: float) -> float:
    """Wald's lower bound on the expected trials at `really` of any test with these error rates.

    Wald, *Sequential Analysis* (1947), A.7; for independent trials.
    """
    gain = (1 - beta) * math.log((1 - beta) / alpha) + beta * math.log(beta / (1 - alpha))
    information = (1 - really) * math.log((1 - really) / (1 - threshold))
    if really > 0:
        information += really * math.log(really / threshold)
    return gain / information


def _name(rate: float) -> str:
    return f"{round(rate, 12):g}"


def _shown(event_rate: float, flip: bool) -> str:
    return _name(1 - event_rate if flip else event_rate)


def _accepted_last(design: Design) -> int:
    """Most events with which the design can still support."""
    support = design.boundary.support
    return int((support <= design.at_most).sum()) - 1


def _spending(
    expected: float, trials: int, tokens: float | None, price: float | None
) -> tuple[dict[str, float] | None, dict[str, float] | None]:
    if tokens is None:
        return None, None
    used = {"expected": expected * tokens, "at_most": trials * tokens}
    cost = None if price is None else {k: v * price / 1e6 for k, v in used.items()}
    return used, cost


def _fixed(
    size: int,
    accept: int,
    rates: list[float],
    items: int | None,
    flip: bool,
    tokens: float | None,
    price: float | None,
) -> PlannedDesign:
    def support(rate: float) -> float:
        if items is None:
            return binomial_cdf(accept, size, rate)
        return hypergeometric_cdf(accept, size, items, round(rate * items))

    used, cost = _spending(size, size, tokens, price)
    return PlannedDesign(
        "fixed", size, accept,
        {_shown(r, flip): float(size) for r in rates},
        {_shown(r, flip): support(r) for r in rates},
        used, cost,
    )  # fmt: skip


def _sequential(
    name: DesignName,
    design: Design,
    accept: int,
    rates: list[float],
    flip: bool,
    tokens: float | None,
    price: float | None,
    really: float,
) -> PlannedDesign:
    ends = {r: design.stops(r) for r in rates}
    expected = {r: e.expected_n for r, e in ends.items()}
    used, cost = _spending(expected[really], design.at_most, tokens, price)
    return PlannedDesign(
        name, design.at_most, accept,
        {_shown(r, flip): v for r, v in expected.items()},
        {_shown(r, flip): e.probability("supported") for r, e in ends.items()},
        used, cost,
    )  # fmt: skip
