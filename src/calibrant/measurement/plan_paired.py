"""How many items does a comparison of two subjects need, and what difference can n items show?"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from calibrant.errors import DesignError
from calibrant.measurement.paired_designs import PairedDesign, Planner
from calibrant.stats.comparisons.power import design_effect, paired_variance


@dataclass(frozen=True)
class PairedPlans:
    """Designs for a comparison of A and B on the same items; differences are A minus B.

    Attributes:
        difference: the true difference that is to be seen, or None if only `mde` was asked.
        discordant: chance that just one of them gets an item right (scores of 0 or 1), or None.
        sd: standard deviation over items of the difference (for sampled epochs: of its expected
            value), or None.
        within: standard deviation between epochs of an item, of each subject, or None.
        design_effect: how many times more variance clusters bring.
        mde: smallest difference that `items_available` show, by test; None where none is.
    """

    difference: float | None
    discordant: float | None
    sd: float | None
    within: float | None
    epochs: int
    alpha: float
    beta: float
    margin: float | None
    cluster_size: int
    icc: float
    design_effect: float
    items_available: int | None
    mde: dict[str, float | None] | None
    designs: tuple[PairedDesign, ...]

    def __repr__(self) -> str:
        said = []
        if self.designs:
            d = self.designs[0]
            said.append(f"difference {self.difference:+g}: {d.items:,} items ({d.test})")
        for test, found in (self.mde or {}).items():
            seen = "nothing" if found is None else f"{found:.3g}"
            said.append(f"{self.items_available:,} items show {seen} or more ({test})")
        return f"{'; '.join(said)}; alpha {self.alpha:g}, beta {self.beta:g}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data; the field names are the contract of `calibrant plan --paired --json`."""
        return {**asdict(self), "designs": [asdict(d) for d in self.designs]}


def plan_paired(
    *,
    difference: float | None = None,
    discordant: float | None = None,
    sd: float | None = None,
    within: float | None = None,
    epochs: int = 1,
    margin: float | None = None,
    alpha: float = 0.05,
    beta: float = 0.10,
    cluster_size: int | None = None,
    icc: float | None = None,
    items_available: int | None = None,
) -> PairedPlans:
    """Plan a comparison of two subjects on the same items, as `compare` makes it.

    Scores of 0 or 1 (give `discordant`): the exact McNemar test and its mid-P version, and
    sequential tests of which subject wins the items on which they differ. Other scores, or means
    over epochs (give `sd`): Student's t, and the normal formula of Miller (arXiv 2411.00640, 2024).
    Two-sided at alpha; sequential tests for one direction at alpha/2. With a margin, equivalence
    and non-inferiority at alpha, by t.

    Args:
        difference: the true difference A minus B to be seen; may be left out with
            `items_available`, and is 0 for equivalence if left out.
        discordant: chance that just one of the two gets an item right, at least |difference|.
        sd: standard deviation over items of the difference; with `within`, of its expected value.
        within: standard deviation between epochs of an item, the same for both subjects.
        epochs: answers of each subject to an item, averaged; more than 1 needs `within`.
        margin: the smallest difference that matters.
        alpha, beta: error rates.
        cluster_size, icc: items per cluster, and the correlation of differences within one.
        items_available: also give the smallest difference that this many items show.

    Raises:
        DesignError: for values that cannot be.
    """
    _check_effect(difference, discordant, margin, items_available)
    _check_spread(discordant, sd, within, epochs)
    _check_limits(alpha, beta)
    size, rho = _clusters(cluster_size, icc)
    if difference is None and margin is not None:
        difference = 0.0
    deff = design_effect(size, rho)
    if discordant is not None:
        variance = discordant - (difference or 0.0) ** 2
    else:
        own = (within or 0.0) ** 2
        variance = paired_variance((sd or 0.0) ** 2, own, own, epochs_a=epochs, epochs_b=epochs)
    planner = Planner(difference, discordant, variance, epochs, margin, alpha, beta, size, deff)
    mde = None if items_available is None else planner.mde(items_available)
    designs = () if difference is None else tuple(planner.designs())
    return PairedPlans(
        difference, discordant, sd, within, epochs, alpha, beta, margin, size, rho, deff,
        items_available, mde, designs,
    )  # fmt: skip


def _check_effect(
    difference: float | None,
    discordant: float | None,
    margin: float | None,
    items_available: int | None,
) -> None:
    if difference is None and items_available is None and margin is None:
        raise DesignError("plan: wanted a difference, a margin or items available, got none")
    if difference is not None and not math.isfinite(difference):
        raise DesignError(f"difference: wanted finite, got {difference!r}")
    if difference == 0 and margin is None:
        raise DesignError("difference: wanted other than 0, unless there is a margin")
    effect = abs(difference or 0.0)
    if discordant is not None and not effect <= discordant:
        raise DesignError(
            f"discordant: wanted at least |difference| = {effect:g}, got {discordant!r}"
        )
    if margin is not None and not 0 < margin < math.inf:
        raise DesignError(f"margin: wanted finite and above 0, got {margin!r}")
    if margin is not None and (difference or 0.0) <= -margin:
        raise DesignError(
            f"difference: wanted above -margin = {-margin:g}, else there is nothing to show, got "
            f"{difference:g}"
        )
    if items_available is not None and items_available < 2:
        raise DesignError(f"items available: wanted at least 2, got {items_available!r}")


def _check_spread(
    discordant: float | None, sd: float | None, within: float | None, epochs: int
) -> None:
    if (discordant is None) == (sd is None):
        raise DesignError("plan: wanted one of discordant (scores of 0 or 1) and sd (other scores)")
    if discordant is not None and not 0 < discordant <= 1:
        raise DesignError(f"discordant: wanted a share above 0, at most 1, got {discordant!r}")
    for name, value in (("sd", sd), ("within", within)):
        if value is not None and not 0 <= value < math.inf:
            raise DesignError(f"{name}: wanted a finite standard deviation, got {value!r}")
    if sd == 0 and not within:
        raise DesignError("sd: wanted above 0, unless answers vary within items")
    if discordant is not None and within is not None:
        raise DesignError("within: wanted with sd, not with discordant")
    if epochs < 1:
        raise DesignError(f"epochs: wanted at least 1, got {epochs!r}")
    if epochs > 1 and within is None:
        raise DesignError("epochs: more than 1 needs sd and within, the spread that epochs average")


def _check_limits(alpha: float, beta: float) -> None:
    if not 0 < alpha < 0.5:
        raise DesignError(f"alpha: wanted an error rate between 0 and 0.5, got {alpha!r}")
    if not 0 < beta < 1 - alpha:
        raise DesignError(f"beta: wanted an error rate between 0 and 1 - alpha, got {beta!r}")


def _clusters(size: int | None, icc: float | None) -> tuple[int, float]:
    """Both numbers, or those of independent items."""
    if size is None and icc is None:
        return 1, 0.0
    if size is None or icc is None:
        raise DesignError("clusters: wanted both a cluster size and an icc, or neither")
    if size < 1:
        raise DesignError(f"cluster size: wanted at least 1, got {size!r}")
    if not 0 <= icc <= 1:
        raise DesignError(f"icc: wanted an intraclass correlation in 0–1, got {icc!r}")
    return size, icc
