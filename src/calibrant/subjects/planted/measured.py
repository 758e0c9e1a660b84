"""What can detectors find, and what not? Power averaged over pairs, as tables and words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.subjects.planted.power import TESTS, Power, arm_of, limit, power
from calibrant.subjects.planted.rates import DETECTORS, Rates, rates

if TYPE_CHECKING:
    from calibrant._figure import Figure
    from calibrant.subjects.planted.readings import Readings

SHOWN = tuple(test for test in TESTS if test != "rank")
"""The rank test is the split test with another way to draw."""

LISTS = ("canary", "order")
"""Tests of what is planted beside items, verbatim and in training alone."""

WAYS = {"planted": "from training", "tuned": "from fine-tuning"}


@dataclass(frozen=True)
class PowerReport:
    """What detectors and tests find on pairs.

    Attributes:
        names: of the pairs, such as "planted/pair-0".
        items: asked for in a test; None for whole arms.
        detector: the signal of those tests that take one.
        rates: of every signal in every arm.
        curves: power of every test in every arm; those with 0 copies are of the clean twin, all
            arms together, and should not exceed 5 %.
        limits: the limit of detection of each test, in words.
    """

    names: tuple[str, ...]
    items: int | None
    detector: str
    rates: tuple[Rates, ...]
    curves: tuple[Power, ...]
    limits: tuple[str, ...]

    def __repr__(self) -> str:
        return f"{named(self.names)}: {self.limits[0] if self.limits else 'nothing measured'}"

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "names": list(self.names), "items": self.items, "detector": self.detector,
            "rates": [r.to_dict() for r in self.rates],
            "curves": [c.to_dict() for c in self.curves], "limits": list(self.limits),
        }  # fmt: skip

    def plot(self) -> Figure:
        """Power against number of exposures: a panel a test, a line a form of copies."""
        from calibrant.subjects.planted.figures import power_figure

        return power_figure(self)


def named(names: Sequence[str]) -> str:
    """Pairs in a few words, such as "3 pairs (planted/pair-0, …)"."""
    return names[0] if len(names) == 1 else f"{len(names)} pairs ({', '.join(names)})"


def measure_power(
    names: str | Sequence[str] = "planted/pair-0",
    *,
    items: int | None = None,
    detector: str = "min-k++",
    draws: int = 100,
    seed: int = 0,
    notify: Callable[[str], None] | None = None,
) -> PowerReport:
    """Measure what every detector and test finds on pairs; those not there are trained.

    Args:
        names: of one design, with different seeds. Power is a mean over them: an arm of one pair
            is one draw of items, and its luck is in all that is drawn from it.
        items: of each arm in a test, without replacement; the whole arm if None or more than it
            has. Canaries and shards of lists are half of what was planted if the items are fewer
            than those of an arm, else all.
        detector: the signal of tests that take one.
        draws: tests of each arm, at least.

    Raises:
        InputError: for an unknown detector, numbers below 1, pairs of several designs or twice.
        SubjectError, WeightsError: as `readings`.
    """
    from calibrant.subjects.planted.readings import readings
    from calibrant.subjects.planted.store import parsed

    if detector not in DETECTORS:
        raise InputError(f"detector: wanted one of {', '.join(DETECTORS)}; got {detector!r}")
    if draws < 1 or (items is not None and items < 1):
        raise InputError(f"wanted at least 1 draw and 1 item, got {draws} and {items}")
    asked = [parsed(n) for n in ([names] if isinstance(names, str) else names)]
    if not asked or len(set(asked)) < len(asked) or len({design for design, _ in asked}) > 1:
        told = one_line(", ".join(f"planted/{d}-{s}" for d, s in asked), 200) or "none"
        raise InputError(f"pairs: wanted different seeds of one design, got {told}")
    pairs = [readings(f"planted/{d}-{s}", notify=notify) for d, s in asked]
    curves, limits = _curves(pairs, detector, items, draws, seed)
    return PowerReport(
        tuple(p.name for p in pairs), items, detector, tuple(rates(pairs)), tuple(curves),
        tuple(limits),
    )  # fmt: skip


def _curves(
    pairs: list[Readings], detector: str, items: int | None, draws: int, seed: int
) -> tuple[list[Power], list[str]]:
    """The power of every test in every arm, and limits of detection in words."""
    some = sorted({int(k) for k in pairs[0].copies} - {0})
    forms = [f for f in ("verbatim", "rephrased") if pairs[0].arm(some[-1], f).size]
    curves: list[Power] = []
    limits: list[str] = []

    def measured(test: str, variant: str, form: str, copies: int, size: int) -> Power:
        found = power(
            pairs, test=test, variant=variant, copies=copies, form=form, detector=detector,
            items=size, draws=draws, seed=seed,
        )  # fmt: skip
        curves.append(found)
        return found

    for form in forms:
        for test in SHOWN if form == "verbatim" else [t for t in SHOWN if t not in LISTS]:
            size = _size(pairs[0], test, form, some[-1], items)
            never = measured(test, "clean", form, 0, size)
            for variant in ("planted",) if test in LISTS else WAYS:
                here = [measured(test, variant, form, k, size) for k in some]
                way = "" if test in LISTS else f"{form}, "
                limits.append(f"{way}{WAYS[variant]}: {limit(here, never)}")
    return curves, limits


def _size(found: Readings, test: str, form: str, copies: int, items: int | None) -> int:
    """Items of a test: as many as are asked for, or there are."""
    whole = arm_of(found, test, copies, form).size
    if items is None:
        return whole
    if test in LISTS:
        return whole if items >= found.arm(copies, form).size else max(1, whole // 2)
    return min(items, whole)
