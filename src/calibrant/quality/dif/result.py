"""Which items treat subjects of equal ability unequally?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from calibrant._text import one_line

if TYPE_CHECKING:
    from calibrant._figure import Figure

Test = Literal["logistic", "non-uniform", "mantel-haenszel", "irt-lr"]
TESTS: tuple[Test, ...] = ("logistic", "non-uniform", "mantel-haenszel", "irt-lr")


@dataclass(frozen=True)
class IrtDif:
    """One item's curves in the two groups; positive numbers favour the focal group.

    Attributes:
        statistic: twice the gain in log likelihood by a slope and a difficulty of the focal
            group's own; p: of that (2 degrees of freedom).
        p_difficulty: of a difficulty of its own at one slope; p_slope: of a slope besides (1 each).
        easier: by how much the item is easier for the focal group, in sds of the reference group's
            ability, at one slope; standard_error, low, high: its error and interval. None where
            the slope is within two errors of 0, so that the item has no difficulty.
        slope_reference, slope_focal: with curves of their own.
        score_difference: mean over the focal group's abilities of its expected score less the one
            it would have by the reference group's curve (signed); score_distance: the same of the
            absolute difference (unsigned).
    """

    statistic: float
    p: float
    p_difficulty: float
    p_slope: float
    easier: float | None
    standard_error: float | None
    low: float | None
    high: float | None
    slope_reference: float
    slope_focal: float
    score_difference: float
    score_distance: float


@dataclass(frozen=True)
class IrtGroups:
    """Ability of the focal group, where the reference group has mean 0 and sd 1, with errors."""

    mean: float
    mean_error: float
    sd: float
    sd_error: float


@dataclass(frozen=True)
class ItemDif:
    """One item; positive numbers favour the focal group. None where nothing can be compared.

    Attributes:
        answers: of both groups.
        odds: log odds ratio of success, focal against reference, at equal score (logistic
            regression by Firth); standard_error, low, high: its error and interval.
        delta: −2.35 times the Mantel–Haenszel log odds ratio of reference against focal: the
            delta scale of ETS, positive where the item favours the focal group.
        ets: class A (negligible), B or C (large) of Zieky (1993), by delta and the exact test.
        difference: standardised difference of mean scores at equal score.
        r2: by how much the groups raise Nagelkerke's R² (Zumbo 1999).
        p_logistic: of equal odds at every score, by penalised likelihood ratio.
        p_nonuniform: of a difference that does not change with the score.
        p_mantel: of Mantel and Haenszel, exact (by permutation for graded scores).
        p, adjusted: of the test that decides, alone and among all items.
        flagged: whether adjusted is at most alpha.
        irt: its curves in the two groups; None unless test is "irt-lr".
    """

    item: str
    answers: int
    odds: float | None
    standard_error: float | None
    low: float | None
    high: float | None
    delta: float | None
    ets: str | None
    difference: float | None
    r2: float | None
    p_logistic: float | None
    p_nonuniform: float | None
    p_mantel: float | None
    p: float | None
    adjusted: float | None
    flagged: bool
    irt: IrtDif | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


@dataclass(frozen=True, repr=False)
class Dif:
    """Items compared between two groups of subjects of equal score.

    Attributes:
        focal, reference: the groups; n_focal, n_reference: their sizes.
        test, adjustment, alpha, level: what decides, and the level of intervals.
        impact: difference of mean scores, focal − reference, in sds over all subjects.
        items: in the order of the responses.
        rounds: how often the matching score was purified of flagged items.
        detectable: the odds ratio at which a single item would be found with a chance of 80 % by a
            test at 5 %; detectable_among: when judged among all items (Bonferroni).
        notes: what a reader should know, one sentence each.
        irt: ability of the focal group; None unless test is "irt-lr".
    """

    focal: str
    reference: str
    n_focal: int
    n_reference: int
    test: Test
    adjustment: str
    alpha: float
    level: float
    impact: float
    items: tuple[ItemDif, ...]
    rounds: int
    detectable: float
    detectable_among: float
    notes: tuple[str, ...] = ()
    irt: IrtGroups | None = None

    @property
    def flagged(self) -> tuple[ItemDif, ...]:
        """The items flagged, the largest difference first."""
        return tuple(sorted((i for i in self.items if i.flagged), key=lambda i: -abs(i.odds or 0)))

    def __repr__(self) -> str:
        found = self.flagged
        what = "no item treats them unequally at equal score"
        if found:
            said = ", ".join(one_line(i.item, 40) for i in found[:3])
            more = f" and {len(found) - 3} more" if len(found) > 3 else ""
            what = f"{len(found)} of {len(self.items)} items treat them unequally: {said}{more}"
        return (
            f"{self.n_focal} subjects of {one_line(self.focal, 40)} and {self.n_reference} of "
            f"{one_line(self.reference, 40)}: {what} (an odds ratio of {self.detectable_among:.1f} "
            "would be seen with a chance of 80 %)"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "focal": self.focal, "reference": self.reference, "n_focal": self.n_focal,
            "n_reference": self.n_reference, "test": self.test, "adjustment": self.adjustment,
            "alpha": self.alpha, "level": self.level, "impact": self.impact,
            "items": [i.to_dict() for i in self.items], "rounds": self.rounds,
            "detectable": self.detectable, "detectable_among": self.detectable_among,
            "notes": list(self.notes), "irt": None if self.irt is None else asdict(self.irt),
        }  # fmt: skip

    def plot(self) -> Figure:
        """Log odds ratios of the items that differ most."""
        from calibrant.quality.dif.figures import differences

        return differences(self)
