"""How many subjects would decide whether a score is only capability?

What is planned with is the error that this table's scores have, less as families grow in number:
so many more families, of the same sizes and as much alike inside.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from scipy.special import ndtr, stdtrit

from calibrant.scaling.capability.itself import normal_of

CHANCE = 0.8
"""How likely a plan's table decides."""

_MOST = 100_000


@dataclass(frozen=True)
class Plan:
    """What a table would need to call a score of no correlation independent of capability.

    Attributes:
        rho: the correlation with capability itself that is planned for.
        scores: how many are asked about together.
        alone: subjects, were it asked about alone; together: with all of them, after Holm. None
            beyond 100,000 families.
        families_alone, families_together: families, as many to a subject as here.
        chance: of the verdict.
    """

    rho: float
    scores: int
    alone: int | None
    together: int | None
    families_alone: int | None
    families_together: int | None
    chance: float

    def __repr__(self) -> str:
        if self.alone is None or self.families_alone is None:
            return "no number of subjects would show that a score is independent of capability"
        many = ""
        if self.scores > 1 and self.together is not None:
            many = (
                f", all {self.scores} asked about together {self.together:,} in "
                f"{self.families_together:,}"
            )
        return (
            f"to call a score that has nothing to do with capability independent, with "
            f"{self.chance:.0%} chance, takes about {self.alone:,} subjects in "
            f"{self.families_alone:,} families like these, asked about alone{many}"
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data."""
        return asdict(self)


def chance_of(
    rho: float, groups: float, unit: float, root: float, *, margin: float, driven: float,
    alpha: float,
) -> float:  # fmt: skip
    """The chance of a verdict, right or wrong, from a table of so many families.

    Args:
        rho: the rank correlation with capability itself.
        groups: effective families; unit: the error of one, on Fisher's scale.
        root: of the capability score's reliability.
        margin, driven, alpha: of the tests.
    """
    error = unit / math.sqrt(groups)
    t = float(stdtrit(max(groups - 1, 1.0), 1 - alpha))
    at = math.atanh(min(abs(normal_of(rho)) * root, 1 - 1e-12))
    inside = math.atanh(normal_of(margin) * root) - t * error
    beyond = math.atanh(normal_of(driven)) + t * error
    said = float(ndtr((at - beyond) / error))
    if inside > 0:
        said += float(ndtr((inside - at) / error) - ndtr((-inside - at) / error))
    return said


def groups_for(
    rho: float, unit: float, root: float, *, margin: float, driven: float, alpha: float,
    chance: float = CHANCE,
) -> float | None:  # fmt: skip
    """The fewest effective families with that chance of a verdict; None beyond 100,000."""

    def enough(groups: float) -> bool:
        return chance_of(
            rho, groups, unit, root, margin=margin, driven=driven, alpha=alpha
        ) >= chance  # fmt: skip

    high = 2.0
    while not enough(high):
        high *= 2
        if high > _MOST:
            return None
    low = high / 2
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def subjects_for(groups: float | None, subjects: int, effective: float) -> int | None:
    """Subjects in so many effective families, as many to a family as here."""
    return None if groups is None else math.ceil(groups * subjects / effective - 1e-9)


def plan_for(
    unit: float, root: float, *, subjects: int, families: int, effective: float, scores: int,
    margin: float, driven: float, alpha: float, rho: float = 0.0,
) -> Plan:  # fmt: skip
    """See `Plan`; Holm's first step has `alpha` over the number of scores."""
    alone, together = (
        groups_for(rho, unit, root, margin=margin, driven=driven, alpha=a)
        for a in (alpha, alpha / max(scores, 1))
    )
    return Plan(
        rho, scores, subjects_for(alone, subjects, effective),
        subjects_for(together, subjects, effective), subjects_for(alone, families, effective),
        subjects_for(together, families, effective), CHANCE,
    )  # fmt: skip
