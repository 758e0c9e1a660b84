"""How does an adaptive test choose, and when is it done? Its policy and its stopping rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from calibrant.errors import InputError

Pick = Literal["target", "random"]
Side = Literal["below", "above"]


@dataclass(frozen=True)
class Policy:
    """How items are chosen.

    Attributes:
        pick: "target": the item whose answer is expected to lower the variance of the full score
            most; "random": items in an order drawn by the seed.
        among: one of this many best items is taken, by the seed; 1 for the best.
        exposure: the largest share of sessions in which an item may be used, over seeds; None for
            no limit. An item is barred from the other sessions before they start (the eligibility
            method of van der Linden and Veldkamp 2004).
        balance: whether categories get items in proportion to their part in the full score.
    """

    pick: Pick = "target"
    among: int = 1
    exposure: float | None = None
    balance: bool = False

    def __post_init__(self) -> None:
        if self.pick not in ("target", "random"):
            raise InputError(f"pick: wanted target or random, got {self.pick!r}")
        if self.among < 1:
            raise InputError(f"among: wanted at least 1, got {self.among}")
        if self.exposure is not None and not 0.0 < self.exposure <= 1.0:
            raise InputError(f"exposure: wanted a share above 0, to 1, got {self.exposure:g}")

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"pick": self.pick, "among": self.among, "exposure": self.exposure,
                "balance": self.balance}  # fmt: skip


@dataclass(frozen=True)
class ScoreClaim:
    """That a subject's full score lies on one side of a threshold.

    Attributes:
        side: "below" or "above".
        threshold: in the units of scores.
        level: of the interval, watched at every answer, that must lie on one side.
    """

    side: Side
    threshold: float
    level: float = 0.95

    def __post_init__(self) -> None:
        if self.side not in ("below", "above"):
            raise InputError(f"claim: wanted below or above, got {self.side!r}")
        check_level(self.level)


@dataclass(frozen=True)
class Stop:
    """When a session is done: at the first of these.

    Attributes:
        items: so many items asked.
        standard_error: the estimate's, in the units of scores.
        claim: decided either way.
        least: items asked before anything else stops it.
    """

    items: int | None = 25
    standard_error: float | None = None
    claim: ScoreClaim | None = None
    least: int = 5

    def __post_init__(self) -> None:
        if self.items is not None and self.items < 1:
            raise InputError(f"items: wanted at least 1, got {self.items}")
        if self.standard_error is not None and not self.standard_error > 0.0:
            raise InputError(f"standard error: wanted above 0, got {self.standard_error:g}")
        if self.least < 1:
            raise InputError(f"least items: wanted at least 1, got {self.least}")


def check_level(level: float) -> None:
    """Refuse a level that is none.

    Raises:
        InputError: unless 0 < level < 1.
    """
    if not 0.0 < level < 1.0:
        raise InputError(f"level: wanted between 0 and 1, got {level:g}")
