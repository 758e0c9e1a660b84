"""What can detectors find, and what not? Power on one pair, as tables, words and a figure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from calibrant.errors import InputError
from calibrant.subjects.planted.power import DETECTORS, TESTS, Power, Rates, limit, power, rates

if TYPE_CHECKING:
    from calibrant._figure import Figure
    from calibrant.subjects.planted.readings import Readings

_SHOWN = tuple(test for test in TESTS if test != "rank")
"""The rank test is the split test with another way to draw."""

_INKS = {"split": "support", "twin": "refute", "paraphrase": "futile", "combined": "path",
         "correct": "line", "canary": "refute", "order": "support"}  # fmt: skip
_DASHES = {"combined": [6, 3], "canary": [2, 2], "order": [6, 2, 2, 2], "correct": [1, 3]}
_TITLES = {
    "planted": "from training",
    "tuned": "from fine-tuning",
    "clean": "the clean twin, the same arms",
}


@dataclass(frozen=True)
class PowerReport:
    """What detectors and tests find on a pair.

    Attributes:
        name: such as "planted/pair-0".
        items: of each verbatim arm in a test; of other arms as many as they have, at most.
        detector: the signal of those tests that take one.
        rates: of every signal in every arm.
        curves: power of every test in every arm; the clean twin's are what the luck of the draw of
            an arm gives, without exposure.
        limits: the limit of detection of each test, in words.
    """

    name: str
    items: int
    detector: str
    rates: tuple[Rates, ...]
    curves: tuple[Power, ...]
    limits: tuple[str, ...]

    def __repr__(self) -> str:
        return f"{self.name}: {self.limits[0] if self.limits else 'nothing measured'}"

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "name": self.name, "items": self.items, "detector": self.detector,
            "rates": [r.to_dict() for r in self.rates],
            "curves": [c.to_dict() for c in self.curves], "limits": list(self.limits),
        }  # fmt: skip

    def plot(self) -> Figure:
        """Power against number of exposures: a panel a way of exposure, a line a test."""
        return power_figure(self)


def measure_power(
    name: str = "planted/pair-0",
    *,
    items: int | None = None,
    detector: str = "min-k++",
    draws: int = 100,
    seed: int = 0,
    notify: Callable[[str], None] | None = None,
) -> PowerReport:
    """Measure what every detector and test finds on a pair; it is trained if it is not there.

    Args:
        items: of each arm in a test; as many as the arm has if None. Canaries and shards of lists
            are as many as were planted.
        detector: the signal of tests that take one.
        draws: samples of items for each power.

    Raises:
        InputError: for an unknown detector, or numbers below 1.
        SubjectError, WeightsError: as `readings`.
    """
    from calibrant.subjects.planted.readings import readings

    if detector not in DETECTORS:
        raise InputError(f"detector: wanted one of {', '.join(DETECTORS)}; got {detector!r}")
    if draws < 1 or (items is not None and items < 1):
        raise InputError(f"wanted at least 1 draw and 1 item, got {draws} and {items}")
    found = readings(name, notify=notify)
    curves, limits = _curves(found, detector, items, draws, seed)
    return PowerReport(
        found.name, items or len(found.arm(int(found.copies.max()))), detector,
        tuple(rates(found)), tuple(curves), tuple(limits),
    )  # fmt: skip


def _curves(
    found: Readings, detector: str, items: int | None, draws: int, seed: int
) -> tuple[list[Power], list[str]]:
    """The power of every test in every arm, and limits of detection in words."""
    some = sorted({int(k) for k in found.copies} - {0})
    lists = max(1, len(found.arms.orders) // (len(some) + 1))
    sizes = {
        "canary": max(2, len(found.arms.canaries) // (len(some) + 1)),
        "order": lists * found.by["clean"].orders.shape[1],
    }
    curves: list[Power] = []
    limits: list[str] = []
    luck: dict[tuple[str, str], list[Power]] = {}
    # The clean twin first: it says how much of the others' power is the luck of an arm.
    for variant, form in (("clean", "verbatim"), ("clean", "rephrased"),
                          ("planted", "verbatim"), ("planted", "rephrased"),
                          ("tuned", "verbatim"), ("tuned", "rephrased")):  # fmt: skip
        for test in _SHOWN:
            if test in sizes and (variant == "tuned" or form == "rephrased"):
                continue
            here = [
                power(
                    found, test=test, variant=variant, copies=k, form=form, detector=detector,
                    items=sizes.get(test, items or len(found.arm(k, form))), draws=draws, seed=seed,
                )
                for k in some
                if test in sizes or found.arm(k, form).size
            ]  # fmt: skip
            if not here:
                continue
            curves += here
            if variant == "clean":
                luck[test, form] = here
                continue
            way = "" if test in sizes else f"{form}, "
            limits.append(f"{way}{_TITLES[variant]}: {limit(here, luck[test, form])}")
    return curves, limits


def power_figure(report: PowerReport) -> Figure:
    """The curves of a report.

    Raises:
        InputError: if there are none.
    """
    from calibrant._figure import INK, Figure

    if not report.curves:
        raise InputError("figure: no power was measured")
    ways = list(dict.fromkeys((c.variant, c.form) for c in report.curves))
    tests = [t for t in _SHOWN if any(c.test == t for c in report.curves)]
    colour = {
        "field": "test", "type": "nominal", "sort": tests,
        "scale": {"domain": tests, "range": [INK[_INKS[t]] for t in tests]},
        "legend": {"title": "test", "symbolType": "stroke", "symbolSize": 400},
    }  # fmt: skip
    dash = {
        "field": "test", "type": "nominal", "sort": tests,
        "scale": {"domain": tests, "range": [_DASHES.get(t, [1, 0]) for t in tests]},
        "legend": {"title": "test", "symbolType": "stroke", "symbolSize": 400},
    }  # fmt: skip
    copies = sorted({c.copies for c in report.curves})
    x = {"field": "copies", "type": "quantitative", "title": "exposures",
         "scale": {"type": "log", "base": 2, "nice": False, "padding": 6},
         "axis": {"values": copies, "format": "d", "labelOverlap": False}}  # fmt: skip
    y = {"field": "power", "type": "quantitative", "title": "found at p ≤ .05",
         "scale": {"domain": [0, 1]}, "axis": {"format": "%"}}  # fmt: skip
    panels = []
    for variant, form in ways:
        values = [
            {"test": c.test, "copies": c.copies, "power": round(c.power, 4)}
            for c in report.curves
            if (c.variant, c.form) == (variant, form)
        ]
        line = {"mark": {"type": "line", "strokeWidth": 2},
                "encoding": {"x": x, "y": y, "color": colour, "strokeDash": dash}}  # fmt: skip
        point = {"mark": {"type": "point", "filled": True, "size": 34, "opacity": 1},
                 "encoding": {"x": x, "y": y, "color": {**colour, "legend": None}}}  # fmt: skip
        panels.append({
            "title": {"text": f"{form}, {_TITLES[variant]}", "anchor": "start",
                      "color": INK["text"], "fontWeight": "normal", "fontSize": 12},
            "width": 250, "height": 190, "data": {"values": values},
            "layer": [
                {"data": {"values": [{"p": 0.05}, {"p": 0.8}]},
                 "mark": {"type": "rule", "color": INK["line"], "strokeDash": [2, 3]},
                 "encoding": {"y": {**y, "field": "p"}}},
                line, point,
            ],
        })  # fmt: skip
    title = f"What tests find on {report.name}, {report.items} items in each arm"
    spec = {
        "title": {"text": title, "anchor": "start", "color": INK["text"], "fontWeight": "normal"},
        "config": {"font": "sans-serif", "view": {"stroke": None},
                   "axis": {"gridColor": INK["grid"], "labelColor": INK["soft"],
                            "titleColor": INK["soft"], "domain": False, "ticks": False}},
        "columns": 2, "concat": panels,
    }  # fmt: skip
    return Figure(spec, title, "; ".join(report.limits))
