"""What is said of a trend: growth, forecasts, versions, back-test, warnings."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from calibrant._text import one_line
from calibrant.scaling.predictive import Predictive
from calibrant.scaling.trends.backtest import Backtest
from calibrant.scaling.trends.history import On
from calibrant.scaling.trends.reach import Reached


@dataclass(frozen=True)
class Growth:
    """A slope with its interval, and as a doubling time.

    Attributes:
        per_year, per_year_low, per_year_high: doublings a year (of the value, or of the odds; on
            the plain scale units a year).
        months, months_low, months_high: months to double; None where the slope, or that end of
            its interval, is not above 0: no doubling within any time.
    """

    per_year: float
    per_year_low: float
    per_year_high: float
    months: float | None
    months_low: float | None
    months_high: float | None

    @classmethod
    def of(cls, slope: float, low: float, high: float) -> Growth:
        """From a slope and the ends of its interval."""
        months = [12 / x if x > 0 else None for x in (slope, high, low)]
        return cls(slope, low, high, *months)

    def sentence(self, on: On) -> str:
        """Growth in words."""
        if on == "plain":
            return (
                f"{self.per_year:.3g} a year ({self.per_year_low:.3g} to {self.per_year_high:.3g})"
            )
        what = "doubles" if on == "log" else "odds double"
        if self.months is None:
            return (
                f"does not grow: {self.per_year:+.2g} doublings a year "
                f"({self.per_year_low:+.2g} to {self.per_year_high:+.2g})"
            )
        low = f"{self.months_low:.1f}"
        high = "no growth" if self.months_high is None else f"{self.months_high:.1f}"
        return f"{what} every {self.months:.1f} months ({low} to {high})"


def growth(slope: Predictive, level: float) -> Growth:
    """Growth from the distribution of one slope: median and central interval."""
    ends = slope.quantile(np.array([0.5, (1 - level) / 2, (1 + level) / 2]))
    return Growth.of(*(float(e) for e in ends[:, 0]))


@dataclass(frozen=True)
class Offset:
    """How a version of the instrument measures against the one that is forecast.

    Attributes:
        version, reference: names.
        shift, low, high: on the scale of the trend, such as 0.1 for values 2^0.1 times as high.
        bridges: subjects measured by it and another version.
        tilt_p: p-value of a difference that grows or falls with the value, by permutation of
            ranks; None for fewer than five bridges. Small: one shift is not enough.
    """

    version: str
    reference: str
    shift: float
    low: float
    high: float
    bridges: int
    tilt_p: float | None


@dataclass(frozen=True)
class TrendForecast:
    """What a new subject would measure at a date.

    Attributes:
        date, family, months: when, of which family (None: one not seen), how far ahead.
        median, low, high: of the measured value of a new subject.
        trend_median, trend_low, trend_high: of the trend alone, without the subject's scatter.
        withheld: why there is no forecast, if its back-test failed; the numbers are None then.
        density: the whole distribution, on the scale of the trend (`Predictive.from_dict`).
    """

    date: str
    family: str | None
    months: float
    median: float | None
    low: float | None
    high: float | None
    trend_median: float | None
    trend_low: float | None
    trend_high: float | None
    withheld: str | None
    density: dict[str, Any] | None


@dataclass(frozen=True)
class Drawn:
    """What a figure needs: points, the trend with its interval, and the fan of new subjects."""

    date: tuple[str, ...]
    subject: tuple[str, ...]
    family: tuple[str, ...]
    version: tuple[str, ...]
    value: tuple[float, ...]
    days: tuple[str, ...]
    middle: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    ahead: tuple[str, ...]
    fan_low: tuple[float, ...]
    fan_high: tuple[float, ...]


@dataclass(frozen=True, repr=False)
class Trend:
    """Growth and forecasts from dated values, back-tested.

    Attributes:
        on, level, frontier: the scale, the level of intervals, whether records only.
        rows, subjects: that were fitted; `every` subject that was there before records were chosen.
        families: how many, None where none were named.
        first, last: dates of the first and last point.
        reference: the version that is forecast.
        now: growth at the last date; `average`: over the whole record.
        straight: growth by ordinary least squares on the reference version, to compare with
            published numbers; its interval holds for independent points on a line only.
        forecasts, versions, backtest, reaches: see their classes.
        withheld: one sentence where no forecast is to be used, else None.
        warnings, notes: one sentence each.
    """

    on: On
    level: float
    frontier: bool
    rows: int
    subjects: int
    every: int
    families: int | None
    first: str
    last: str
    reference: str
    now: Growth
    average: Growth
    straight: Growth | None
    forecasts: tuple[TrendForecast, ...]
    versions: tuple[Offset, ...]
    backtest: Backtest | None
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    drawn: Drawn
    reaches: tuple[Reached, ...] = ()

    @property
    def withheld(self) -> str | None:
        """Why no forecast is to be used, if none is."""
        why = [f.withheld for f in self.forecasts]
        return why[0] if why and all(why) else None

    def __repr__(self) -> str:
        kind = "records" if self.frontier else "subjects"
        return one_line(
            f"At {self.last} it {self.now.sentence(self.on)}, {self.level:.0%} interval, "
            f"from {self.subjects} {kind} since {self.first}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        said = asdict(self)
        del said["drawn"]
        said["withheld"] = self.withheld
        return said

    def plot(self) -> Any:
        """The points, the trend and its fan."""
        from calibrant.scaling.trends.figures import fan

        return fan(self)

    def _repr_html_(self) -> str:
        from calibrant._figure import notebook

        return notebook(self)
