"""Which rules can decide a claim, and what does each do at a true rate? One list for all plans."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import DesignError
from calibrant.stats import Design, anytime, fixed, fixed_size, sprt
from calibrant.stats.stopping.cluster_designs import (
    ClusterDesign,
    anytime_clusters,
    fixed_clusters,
    sprt_clusters,
)
from calibrant.stats.stopping.cluster_walks import beta_binomial, check_clusters, ends
from calibrant.stats.stopping.curves import curve
from calibrant.stats.tails import binomial_cdf, hypergeometric_cdf

Floats = NDArray[np.float64]
DesignName = Literal["fixed", "curtailed", "sprt", "anytime"]


@dataclass(frozen=True)
class Claim:
    """A claim as a claim about rare events: "the rate of events is below `event`".

    Attributes:
        event, really: threshold and design alternative, as rates of events.
        alpha, beta, items, at_most: as `calibrant.plan`.
        size, icc: trials per cluster and their correlation; size 1 for independent trials.
    """

    event: float
    really: float
    alpha: float
    beta: float
    items: int | None
    at_most: int | None
    size: int = 1
    icc: float = 0.0

    @property
    def clustered(self) -> bool:
        """Whether clusters matter: with an ICC of 0 their trials are independent."""
        return self.size > 1 and self.icc > 0

    def iccs(self) -> list[float]:
        """The assumed ICC, and larger ones that it might really be."""
        more = {self.icc, min(1.0, 1.5 * self.icc), min(1.0, 2 * self.icc), 1.0}
        return sorted(round(x, 12) for x in more)

    def grid(self, points: int) -> Floats:
        """Rates of events for a curve: around both rates, which are among them."""
        apart = self.event - self.really
        low, high = max(0.0, self.really - 1.2 * apart), min(1.0, self.event + apart)
        return np.unique([*np.linspace(low, high, points), self.really, self.event])


@dataclass(frozen=True)
class Way:
    """One rule that decides a claim.

    Attributes:
        trials: largest number.
        accept: most events with which the last trial still supports.
        clusters: largest number of clusters; None for independent trials.
        at: chance of support and expected trials, for rates of events; shape (rates,) each.
        false_support: by ICC, at the threshold; None for independent trials.
    """

    name: DesignName
    trials: int
    accept: int
    clusters: int | None
    at: Callable[[Floats], tuple[Floats, Floats]]
    false_support: dict[float, float] | None = None


def ways(claim: Claim) -> list[Way]:
    """The four designs of a claim. Tuned designs are kept, so that asking again is quick.

    Raises:
        DesignError: for values that cannot be.
    """
    if claim.size != 1 or claim.icc:
        check_clusters(claim.size, claim.icc)
    return _clustered(claim) if claim.clustered else _independent(claim)


def _independent(claim: Claim) -> list[Way]:
    c, items = claim, claim.items
    size = fixed_size(c.event, c.really, alpha=c.alpha, beta=c.beta, items=items)
    whole = fixed(c.event, c.really, alpha=c.alpha, beta=c.beta, items=items)
    accept = int(whole.tuning["accept_at_most"])
    tuned = sprt(c.event, c.really, alpha=c.alpha, beta=c.beta, items=items,
                 at_most=c.at_most, pursue=False)  # fmt: skip
    open_end = anytime(c.event, alpha=c.alpha, at_most=c.at_most, items=items)

    def at(rates: Floats) -> tuple[Floats, Floats]:
        chances = [
            binomial_cdf(accept, size, r)
            if items is None
            else hypergeometric_cdf(accept, size, items, round(r * items))
            for r in rates.tolist()
        ]
        return np.array(chances), np.full(rates.size, float(size))

    def clusters(trials: int) -> int | None:
        return None if c.size == 1 else math.ceil(trials / c.size)

    names: list[tuple[DesignName, Design, int]] = [
        ("curtailed", whole, accept),
        ("sprt", tuned, _accepted_last(tuned)),
        ("anytime", open_end, _accepted_last(open_end)),
    ]
    return [
        Way("fixed", size, accept, clusters(size), at),
        *(
            Way(name, d.at_most, last, clusters(d.at_most), _follow(d, items))
            for name, d, last in names
        ),
    ]


def _follow(design: Design, items: int | None) -> Callable[[Floats], tuple[Floats, Floats]]:
    def at(rates: Floats) -> tuple[Floats, Floats]:
        asked = rates if items is None else np.round(rates * items) / items
        found = curve(design, asked)
        where = np.searchsorted(found.rates, asked)
        return found.supported[where], found.expected_trials[where]

    return at


def _accepted_last(design: Design) -> int:
    """Most events with which the design can still support."""
    support = design.boundary.support
    return int((support <= design.at_most).sum()) - 1


def _clustered(claim: Claim) -> list[Way]:
    c = claim
    if c.items is not None:
        raise DesignError(
            "items: wanted without clusters; a plan for a finite data set takes no cluster size"
        )
    most = None if c.at_most is None else c.at_most // c.size
    if most == 0:
        raise DesignError(f"at_most: {c.at_most} trials are less than one cluster of {c.size}")
    whole = fixed_clusters(c.event, c.really, size=c.size, icc=c.icc, alpha=c.alpha, beta=c.beta)
    tuned = sprt_clusters(c.event, c.really, size=c.size, icc=c.icc, alpha=c.alpha, beta=c.beta,
                          at_most=most)  # fmt: skip
    open_end = anytime_clusters(c.event, size=c.size, icc=c.icc, alpha=c.alpha, at_most=most)
    return [
        _by_cluster("fixed", whole, c),
        _by_cluster("curtailed", whole, c),
        _by_cluster("sprt", tuned, c),
        _by_cluster("anytime", open_end, c),
    ]


def _by_cluster(name: DesignName, design: ClusterDesign, claim: Claim) -> Way:
    def at(rates: Floats) -> tuple[Floats, Floats]:
        found = ends(design.rule, rates, claim.icc)
        used = np.full(rates.size, design.clusters) if name == "fixed" else found.clusters
        return found.supported, used * float(claim.size)

    iccs = claim.iccs()
    wrong = ends(design.rule, np.full(len(iccs), claim.event), iccs).supported
    return Way(
        name, design.clusters * claim.size, int(design.tuning["accept_at_most"]),
        design.clusters, at, dict(zip(iccs, wrong.tolist(), strict=True)),
    )  # fmt: skip


def wald_bound(claim: Claim) -> float:
    """Wald's lower bound on the expected trials at `really` of any test with these error rates.

    Wald, *Sequential Analysis* (1947), A.7; with clusters each is one observation, of a
    beta-binomial count.
    """
    alpha, beta = claim.alpha, claim.beta
    gain = (1 - beta) * math.log((1 - beta) / alpha) + beta * math.log(beta / (1 - alpha))
    size = claim.size if claim.clustered else 1
    truth, null = beta_binomial(size, [claim.really, claim.event], claim.icc)
    seen = truth > 0
    information = float(np.sum(truth[seen] * np.log(truth[seen] / null[seen])))
    return size * gain / information
