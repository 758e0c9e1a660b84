"""Which tests can decide a comparison on the same items, and how many items does each need?"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from scipy.special import betainc

from calibrant.errors import DesignError
from calibrant.stats import anytime, sprt
from calibrant.stats.comparisons.planning import (
    equivalence_power,
    mcnemar_effect,
    not_inferior_power,
    t_effect,
    t_power,
    units_for,
)
from calibrant.stats.comparisons.power import (
    mcnemar_items,
    mcnemar_power,
    normal_power,
    paired_effect,
    paired_items,
)
from calibrant.stats.stopping.designs import Design

PairedName = Literal["fixed", "sprt", "anytime"]
_SURE = 0.999
"""The chance with which a sequential design has ended by its number of items."""


@dataclass(frozen=True)
class PairedDesign:
    """One way to decide a comparison on the same items.

    Attributes:
        design: fixed (all items, then a test), or after each item sprt or anytime.
        claim: what is shown: that the subjects differ, that one is better, that they are
            equivalent within the margin, or that A is not inferior by it.
        test: how, in words.
        exact: whether the powers are exact under the stated model, or an approximation.
        items: the number of items; of a sequential design, the number by which it has ended with
            a chance of 0.999.
        trials: answers of both subjects to them, over all epochs.
        clusters: the number of clusters of items, or None.
        differing: sequential designs: the largest number of items on which the subjects differ.
        expected_items, support_probability: by true difference.
    """

    design: PairedName
    claim: str
    test: str
    exact: bool
    items: int
    trials: int
    clusters: int | None
    differing: int | None
    expected_items: dict[str, float]
    support_probability: dict[str, float]


@dataclass(frozen=True)
class Planner:
    """What is common to the designs of one comparison."""

    difference: float | None
    discordant: float | None
    variance: float
    epochs: int
    margin: float | None
    alpha: float
    beta: float
    size: int
    deff: float

    @property
    def unit_sd(self) -> float:
        """Standard deviation of a cluster's mean difference (of an item's, without clusters)."""
        return math.sqrt(self.variance * self.deff / self.size)

    def designs(self) -> list[PairedDesign]:
        """All designs that the numbers given allow."""
        assert self.difference is not None
        found: list[PairedDesign] = []
        if self.difference != 0:
            if self.discordant is not None:
                found += [self._mcnemar(mid=False), self._mcnemar(mid=True)]
                if self.deff == 1:
                    found += self._sequential(self.discordant)
            else:
                found += [self._t(), self._normal()]
        if self.margin is not None:
            found += self._margins(self.margin)
        return found

    def mde(self, items: int) -> dict[str, float | None]:
        """The smallest difference that so many items show, by test."""
        alpha, power = self.alpha, 1 - self.beta
        if self.discordant is not None:
            worth = int(items / self.deff)
            if worth < 2:
                raise DesignError(f"items available: {items} in clusters are worth fewer than 2")
            return {
                "exact McNemar": mcnemar_effect(worth, self.discordant, alpha=alpha, power=power),
                "mid-P McNemar": mcnemar_effect(
                    worth, self.discordant, mid=True, alpha=alpha, power=power
                ),
            }
        groups = items // self.size
        if groups < 2:
            raise DesignError(f"items available: {items} make fewer than 2 clusters")
        return {
            "Student's t": t_effect(groups, self.unit_sd, alpha=alpha, power=power),
            "normal (Miller 2024)": paired_effect(
                items, self.variance, deff=self.deff, alpha=alpha, power=power
            ),
        }

    def _grid(self) -> list[float]:
        d = self.difference or 0.0
        most = self.discordant if self.discordant is not None else math.inf
        return sorted({0.0, d / 2, d, math.copysign(min(abs(1.5 * d), most), d)})

    def _fixed(
        self,
        claim: str,
        test: str,
        units: int,
        exact: bool,
        power: Callable[[float], float],
        grid: list[float] | None = None,
    ) -> PairedDesign:
        items = units * self.size
        grid = self._grid() if grid is None else grid
        return PairedDesign(
            "fixed", claim, test, exact, items, 2 * items * self.epochs,
            units if self.size > 1 else None, None,
            {_name(d): float(items) for d in grid}, {_name(d): power(d) for d in grid},
        )  # fmt: skip

    def _mcnemar(self, *, mid: bool) -> PairedDesign:
        assert self.difference is not None and self.discordant is not None
        q = self.discordant

        def shares(d: float) -> tuple[float, float]:
            return (q + d) / 2, (q - d) / 2

        n = mcnemar_items(*shares(self.difference), alpha=self.alpha, power=1 - self.beta, mid=mid)
        units = math.ceil(n * self.deff / self.size * (1 - 1e-12))
        # Clusters leave as much information as this many independent items.
        worth = n if self.deff == 1 and self.size == 1 else int(units * self.size / self.deff)
        test = f"{'mid-P' if mid else 'exact'} McNemar"
        test += "" if self.deff == 1 else f", items times the design effect {self.deff:.3g}"
        return self._fixed(
            "different", test, units, self.deff == 1,
            lambda d: mcnemar_power(worth, *shares(d), alpha=self.alpha, mid=mid),
        )  # fmt: skip

    def _t(self) -> PairedDesign:
        assert self.difference is not None
        sd, alpha, effect = self.unit_sd, self.alpha, self.difference
        units = units_for(lambda n: t_power(n, effect, sd, alpha=alpha), 1 - self.beta)
        test = "Student's t" + (" over clusters" if self.size > 1 else "")
        return self._fixed(
            "different", test, units, True, lambda d: t_power(units, d, sd, alpha=alpha)
        )

    def _normal(self) -> PairedDesign:
        assert self.difference is not None
        n = paired_items(self.difference, self.variance, alpha=self.alpha, power=1 - self.beta,
                         deff=self.deff)  # fmt: skip
        units = math.ceil(n / self.size)
        u = self.unit_sd / math.sqrt(units)
        return self._fixed(
            "different", "normal (Miller 2024)", units, False,
            lambda d: normal_power(d, u, alpha=self.alpha),
        )  # fmt: skip

    def _margins(self, margin: float) -> list[PairedDesign]:
        assert self.difference is not None
        d, sd, alpha = self.difference, self.unit_sd, self.alpha
        grid = sorted({-margin, 0.0, d, margin})
        if self.discordant is not None:
            grid = [x for x in grid if abs(x) <= self.discordant]
        found = []
        for claim, power in (("A not inferior", not_inferior_power),
                             ("equivalent", equivalence_power)):  # fmt: skip
            if claim == "equivalent" and abs(d) >= margin:
                continue
            units = units_for(
                lambda n, power=power: power(n, d, margin, sd, alpha=alpha),  # type: ignore[misc]
                1 - self.beta,
            )
            found.append(self._margin(claim, power, units, margin, grid))
        return found

    def _margin(
        self,
        claim: str,
        power: Callable[..., float],
        units: int,
        margin: float,
        grid: list[float],
    ) -> PairedDesign:
        test = "two one-sided t tests" if claim == "equivalent" else "one-sided t"
        sd, alpha = self.unit_sd, self.alpha
        return self._fixed(
            claim, test, units, self.discordant is None,
            lambda x: power(units, x, margin, sd, alpha=alpha), grid,
        )  # fmt: skip

    def _sequential(self, q: float) -> list[PairedDesign]:
        """Tests of who wins the items on which they differ; the loser's share is below a half."""
        assert self.difference is not None
        effect = abs(self.difference)
        half = self.alpha / 2
        losing = round((q - effect) / (2 * q), 12)
        claim = f"{'A' if self.difference > 0 else 'B'} better"
        rules: tuple[tuple[PairedName, Design], ...] = (
            ("sprt", sprt(0.5, losing, alpha=half, beta=self.beta, pursue=False)),
            ("anytime", anytime(0.5, alpha=half)),
        )
        return [self._followed(name, design, claim, q) for name, design in rules]

    def _followed(self, name: PairedName, design: Design, claim: str, q: float) -> PairedDesign:
        expected, support = {}, {}
        for d in self._grid():
            at = design.stops(min(max((q - abs(d)) / (2 * q), 0.0), 1.0))
            # Wald's identity: a differing item takes 1/q items.
            expected[_name(d)] = at.expected_n / q
            support[_name(d)] = at.probability("supported")
        items = _items_for(design.at_most, q)
        test = "sequential, on the items that differ"
        return PairedDesign(name, claim, test, True, items, 2 * items, None, design.at_most,
                            expected, support)  # fmt: skip


def _items_for(differing: int, q: float) -> int:
    """The smallest number of items of which `differing` differ with chance 0.999."""
    if q == 1:
        return differing
    low, high = differing - 1, differing
    while betainc(differing, high - differing + 1, q) < _SURE:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        sure = middle >= differing and betainc(differing, middle - differing + 1, q) >= _SURE
        low, high = (low, middle) if sure else (middle, high)
    return high


def _name(difference: float) -> str:
    return f"{round(difference, 12):g}"
