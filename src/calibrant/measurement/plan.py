"""How many trials does a claim need? Fixed, curtailed, sequential and anytime designs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from calibrant.errors import DesignError
from calibrant.measurement.plan_designs import Claim, DesignName, Way, wald_bound, ways

if TYPE_CHECKING:
    from calibrant._figure import Figure

POINTS = 81
"""Rates of a curve."""


@dataclass(frozen=True)
class PlannedDesign:
    """One way to decide a claim.

    Attributes:
        design: fixed (all trials, then a decision), curtailed (stopped when the outcome is
            certain), sprt (tuned sequential test) or anytime (e-process).
        trials: the number, or the largest number, of trials.
        accept_at_most: most events with which the last trial still supports the claim; for
            "above" an event is a trial that does not count.
        expected_trials, support_probability: exact, by true rate of the counted score.
        tokens, cost: expected at `if_really`, and at most, where tokens per trial are given.
        clusters: the number, or the largest number, of clusters; None without clusters.
        false_support_if_icc: the chance of supporting the claim at its threshold, by the ICC that
            clusters really have; None where trials are independent.
    """

    design: DesignName
    trials: int
    accept_at_most: int
    expected_trials: dict[str, float]
    support_probability: dict[str, float]
    tokens: dict[str, float] | None
    cost: dict[str, float] | None
    clusters: int | None = None
    false_support_if_icc: dict[str, float] | None = None


@dataclass(frozen=True)
class OperatingCurve:
    """What a design does over the true rate, exactly; tuples of one length.

    Attributes:
        rates: true rates of the counted score, rising.
        support_probability, expected_trials: at these rates.
    """

    design: DesignName
    rates: tuple[float, ...]
    support_probability: tuple[float, ...]
    expected_trials: tuple[float, ...]


@dataclass(frozen=True)
class Plans:
    """Designs for one claim, decided on support: below (or above) a threshold.

    Attributes:
        wald_bound: expected trials at `if_really` that no test with these error rates can beat.
        cluster_size, icc: trials per cluster and the correlation assumed between them, or None.
        one_per_cluster: the same claim with one trial from each cluster, which needs no assumed
            correlation; None where trials are independent.
    """

    relation: Literal["below", "above"]
    threshold: float
    if_really: float
    alpha: float
    beta: float
    items: int | None
    wald_bound: float
    designs: tuple[PlannedDesign, ...]
    at_most: int | None = None
    cluster_size: int | None = None
    icc: float | None = None
    one_per_cluster: tuple[PlannedDesign, ...] | None = None

    def __repr__(self) -> str:
        best = next(d for d in self.designs if d.design == "sprt")
        really = best.expected_trials[_name(self.if_really)]
        clusters = ""
        if self.one_per_cluster is not None:
            clusters = f" in clusters of {self.cluster_size} (ICC {self.icc:g})"
        return (
            f"{self.relation} {self.threshold:g}, if really {self.if_really:g}: "
            f"{self.designs[0].trials} trials fixed, {really:.0f} expected sequentially{clusters}"
        )

    def to_dict(self, *, curves: bool = False) -> dict[str, Any]:
        """Plain data; the field names are the contract of `calibrant plan --json`.

        Args:
            curves: add the operating curves on a fine grid.
        """
        data = {**asdict(self), "designs": [asdict(d) for d in self.designs]}
        return data | {"curves": [asdict(c) for c in self.curves()]} if curves else data

    def curves(self, points: int = POINTS) -> tuple[OperatingCurve, ...]:
        """The exact operating curve of every design, around threshold and alternative.

        Args:
            points: about how many rates, at least 2.

        Raises:
            DesignError: for fewer than 2 points.
        """
        if points < 2:
            raise DesignError(f"points: wanted at least 2, got {points!r}")
        claim, flip = self._claim(), self.relation == "above"
        rates = claim.grid(points)
        order = slice(None, None, -1 if flip else 1)
        shown = tuple(float(round(1 - r if flip else r, 12)) for r in rates[order])
        found = []
        for way in ways(claim):
            support, expected = way.at(rates)
            found.append(
                OperatingCurve(
                    way.name, shown, tuple(support[order].tolist()), tuple(expected[order].tolist())
                )
            )
        return tuple(found)

    def plot(self) -> Figure:
        """Chance of support and expected trials over the true rate, for every design."""
        from calibrant.measurement.plan_figure import plan_figure

        return plan_figure(self)

    def _repr_html_(self) -> str:
        return self.plot().svg()

    def _claim(self) -> Claim:
        return _claim(
            self.relation == "above", self.threshold, self.if_really, self.alpha, self.beta,
            self.items, self.at_most, self.cluster_size, self.icc,
        )  # fmt: skip


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
    cluster_size: int | None = None,
    icc: float | None = None,
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
        cluster_size: trials that share a cluster (a template, a passage).
        icc: the correlation of two trials of a cluster, 0–1; wanted with a cluster size.

    Raises:
        DesignError: for rates that are not, or cannot be told apart, and clusters that cannot be.
    """
    if (below is None) == (above is None):
        raise DesignError("plan: wanted one of below and above")
    flip = above is not None
    threshold = above if above is not None else below
    assert threshold is not None
    _check(threshold, if_really, flip, at_most, tokens, price)
    if (cluster_size is None) != (icc is None):
        given, wanted = (
            ("icc", "a cluster size") if cluster_size is None else ("cluster size", "an icc")
        )
        raise DesignError(
            f"{given}: wanted with {wanted}; without knowing both, plan one trial per cluster"
        )
    claim = _claim(flip, threshold, if_really, alpha, beta, items, at_most, cluster_size, icc)
    spending = (tokens, price)
    designs = _planned(claim, flip, spending)  # checks what is left to check
    single = None
    if claim.clustered:
        alone = Claim(claim.event, claim.really, alpha, beta, None, at_most)
        single = _planned(alone, flip, spending)
    return Plans(
        "above" if flip else "below", threshold, if_really, alpha, beta, items,
        wald_bound(claim), designs, at_most, cluster_size, icc, single,
    )  # fmt: skip


def _check(
    threshold: float,
    if_really: float,
    flip: bool,
    at_most: int | None,
    tokens: float | None,
    price: float | None,
) -> None:
    side = "above" if flip else "below"
    if not 0 < threshold < 1:
        raise DesignError(f"{side}: wanted a rate strictly between 0 and 1, got {threshold!r}")
    if not 0 <= if_really <= 1:
        raise DesignError(f"if_really: wanted a rate in 0–1, got {if_really!r}")
    if not (if_really > threshold if flip else if_really < threshold):
        raise DesignError(
            f"if_really: wanted a rate {side} the claimed {threshold:g}, got {if_really!r}"
        )
    if at_most is not None and at_most < 1:
        raise DesignError(f"at_most: wanted at least 1 trial, got {at_most!r}")
    for name, value in (("tokens", tokens), ("price", price)):
        if value is not None and not 0 <= value < float("inf"):
            raise DesignError(f"{name}: wanted at least 0, got {value!r}")


def _claim(
    flip: bool,
    threshold: float,
    if_really: float,
    alpha: float,
    beta: float,
    items: int | None,
    at_most: int | None,
    cluster_size: int | None,
    icc: float | None,
) -> Claim:
    event = round(1 - threshold, 12) if flip else threshold
    really = round(1 - if_really, 12) if flip else if_really
    size = 1 if cluster_size is None else cluster_size
    return Claim(event, really, alpha, beta, items, at_most, size, icc or 0.0)


def _planned(
    claim: Claim, flip: bool, spending: tuple[float | None, float | None]
) -> tuple[PlannedDesign, ...]:
    event, really = claim.event, claim.really
    rates = sorted({0.0, really / 2, really, (really + event) / 2, event, min(1.0, 1.5 * event)})
    return tuple(_one(way, rates, really, flip, *spending) for way in ways(claim))


def _one(
    way: Way,
    rates: list[float],
    really: float,
    flip: bool,
    tokens: float | None,
    price: float | None,
) -> PlannedDesign:
    support, expected = (a.tolist() for a in way.at(np.array(rates)))
    used, cost = _spending(expected[rates.index(really)], way.trials, tokens, price)
    names = [_name(1 - r if flip else r) for r in rates]
    wrong = None
    if way.false_support is not None:
        wrong = {_name(icc): p for icc, p in way.false_support.items()}
    return PlannedDesign(
        way.name, way.trials, way.accept,
        dict(zip(names, expected, strict=True)), dict(zip(names, support, strict=True)),
        used, cost, way.clusters, wrong,
    )  # fmt: skip


def _name(rate: float) -> str:
    return f"{round(rate, 12):g}"


def _spending(
    expected: float, trials: int, tokens: float | None, price: float | None
) -> tuple[dict[str, float] | None, dict[str, float] | None]:
    if tokens is None:
        return None, None
    used = {"expected": expected * tokens, "at_most": trials * tokens}
    cost = None if price is None else {k: v * price / 1e6 for k, v in used.items()}
    return used, cost
