"""Does this subject pass, with as few items as it takes? Sequential decisions at a cut.

Between two points, a little below and a little above the cut, either decision is right enough. The
design is Wald's probability ratio test of these points, truncated and tuned until its exact error
rates hold; it is the one that assessments use (see `calibrant.stats.stopping`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri

from calibrant.errors import DesignError, InputError
from calibrant.quality.bank import Bank
from calibrant.quality.cuts.cut import Cut, check_direction
from calibrant.stats.stopping.designs import Design
from calibrant.stats.stopping.sprt import fixed_size, sprt

if TYPE_CHECKING:
    from calibrant._figure import Figure


MOST = 4_000
"""Items of the longest fixed test that is compared with; the exact curves take their square."""


@dataclass(frozen=True)
class Operation:
    """What happens to subjects of one true rate.

    Attributes:
        rate: of right answers over the items, 0–1.
        passes: chance to pass, exactly.
        items: expected number of items, exactly.
    """

    rate: float
    passes: float
    items: float


@dataclass(frozen=True, eq=False)
class SequentialCut:
    """A sequential decision about one subject.

    Attributes:
        cut: the score that is just acceptable.
        direction: on which side of it.
        fails_to, passes_from: the two points between which either decision is right enough: the
            chance to pass is at most alpha at `fails_to` and beyond, the chance not to pass at
            most beta at `passes_from` and beyond.
        alpha, beta: as asked for.
        false_pass, false_fail: exact chances at the two points.
        at_most: the largest number of items.
        fixed_items: what a fixed test with the same error rates needs.
        operation: the exact operating curve.
        design: the stopping rule, about items answered wrongly (acceptable above) or counted
            (below).
        notes: what a reader should know, one sentence each.
    """

    cut: float
    direction: str
    fails_to: float
    passes_from: float
    alpha: float
    beta: float
    false_pass: float
    false_fail: float
    at_most: int
    fixed_items: int
    operation: tuple[Operation, ...]
    design: Design
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        del plain["design"]
        return plain | {
            "operation": [asdict(o) for o in self.operation], "notes": list(self.notes),
        }  # fmt: skip

    def plot(self) -> Figure:
        """The chance to pass over the true rate."""
        from calibrant.quality.cuts.figures import Curve, curves_figure

        x = np.array([o.rate for o in self.operation])
        low, high = sorted((self.fails_to, self.passes_from))
        at = Cut(
            self.cut, check_direction(self.direction), None, low, high, 0.95, "declared", 0,
            "subjects", None, False, None, "0" * 64,
        )  # fmt: skip
        most = max(o.items for o in self.operation)
        curves = [
            Curve("chance to pass", x, np.array([o.passes for o in self.operation]), "path"),
            Curve(f"expected items, of {most:.0f}", x,
                  np.array([o.items for o in self.operation]) / most, "futile", (5, 3)),
        ]  # fmt: skip
        said = f"shaded: either decision is right enough; at most {self.at_most} items"
        return curves_figure("Sequential decision at the cut", at, curves,
                             axis="true rate", said=said, top=1.0)  # fmt: skip

    def __repr__(self) -> str:
        middle = max(o.items for o in self.operation)
        return (
            f"Sequential decision at {self.cut:.4g}: at most {self.at_most} items, at worst "
            f"{middle:.0f} expected (a fixed test needs {self.fixed_items}); a subject at "
            f"{self.fails_to:.4g} passes with chance {self.false_pass:.4f}, one at "
            f"{self.passes_from:.4g} fails with {self.false_fail:.4f}"
        )


def sequential_cut(
    cut: float | Cut,
    *,
    margin: float | None = None,
    bank: Bank | None = None,
    ability_margin: float | None = None,
    alpha: float = 0.05,
    beta: float = 0.05,
    at_most: int | None = None,
    direction: str | None = None,
) -> SequentialCut:
    """A sequential test that passes or fails a subject, item by item in random order.

    Args:
        cut: the score that is just acceptable.
        margin: half the width of the zone around it where either decision is right enough, in
            units of the score.
        bank, ability_margin: in place of `margin`, its half width in ability on a bank; the cut
            needs an ability, or is turned into one.
        alpha: chance that a subject at the near end of the wrong side, or beyond, passes.
        beta: chance that one at the near end of the right side, or beyond, does not pass.
        at_most: largest number of items, by default three times a fixed test's.

    Raises:
        InputError: for a margin that leaves the scale, or too few items for the error rates.
    """
    at, side = (cut.value, cut.direction) if isinstance(cut, Cut) else (float(cut), "above")
    if direction is not None:
        side = check_direction(direction)
    if not 0 < at < 1:
        raise InputError(f"cut: wanted a score between 0 and 1, got {at!r}")
    low, high = _zone(at, cut, margin, bank, ability_margin)
    if not 0 < low < high < 1:
        raise InputError(
            f"margin: wanted a zone within 0 to 1, got {low:.4g} to {high:.4g} around {at:.4g}"
        )
    about = at * (1 - at) * ((ndtri(alpha) + ndtri(beta)) / (high - low)) ** 2
    if not about <= MOST:
        raise InputError(
            f"margin: a zone from {low:.4g} to {high:.4g} takes a test of some {about:,.0f} items; "
            f"wanted one of at most {MOST:,}"
        )
    # Events speak against passing: wrong answers, or what is counted where less is better.
    against, for_ = (1 - low, 1 - high) if side == "above" else (high, low)
    try:
        design = sprt(against, for_, alpha=alpha, beta=beta, at_most=at_most, pursue=False)
        fixed = fixed_size(against, for_, alpha=alpha, beta=beta)
    except DesignError as e:
        raise InputError(f"sequential decision: {e}") from e
    power = design.power
    assert power is not None
    notes = []
    if 1 - power > beta + 1e-9:
        notes.append(
            f"with at most {design.at_most} items a subject at the right end fails with chance "
            f"{1 - power:.3f}, more than {beta:g}"
        )
    if side == "above":
        fails_to, passes_from = low, high
    else:
        fails_to, passes_from = high, low
    return SequentialCut(
        at, side, fails_to, passes_from, alpha, beta, design.false_support, 1 - power,
        design.at_most, fixed, _operation(design, side, at, low, high), design, tuple(notes),
    )  # fmt: skip


def _zone(
    at: float,
    cut: float | Cut,
    margin: float | None,
    bank: Bank | None,
    ability_margin: float | None,
) -> tuple[float, float]:
    if (margin is None) == (ability_margin is None):
        raise InputError("margin: wanted one of margin and ability_margin")
    if margin is not None:
        if margin <= 0:
            raise InputError(f"margin: wanted above 0, got {margin!r}")
        return at - margin, at + margin
    assert ability_margin is not None
    if bank is None:
        raise InputError("ability_margin: wanted a bank with it")
    if ability_margin <= 0:
        raise InputError(f"ability_margin: wanted above 0, got {ability_margin!r}")
    from calibrant.quality.cuts.bookmark import score_at
    from calibrant.quality.cuts.raters import ability_at

    place = cut.ability if isinstance(cut, Cut) and cut.ability is not None else None
    if place is None:
        place = ability_at(bank, at)
    if place is None:
        raise InputError(f"cut: no ability has an expected score of {at:g} on these items")
    return score_at(bank, place - ability_margin), score_at(bank, place + ability_margin)


def _operation(
    design: Design, side: str, at: float, low: float, high: float
) -> tuple[Operation, ...]:
    width = high - low
    rates = np.unique(np.round(np.clip(
        np.concatenate([np.linspace(low - 2 * width, high + 2 * width, 21), [low, at, high]]),
        0.001, 0.999), 9))  # fmt: skip
    found = []
    for rate in rates:
        stops = design.stops(float(1 - rate if side == "above" else rate))
        found.append(Operation(float(rate), stops.probability("supported"), stops.expected_n))
    return tuple(found)
