"""When will the trend reach a value? A date with its interval, which may have no end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibrant.errors import InputError
from calibrant.scaling.trends.backtest import Backtest, withheld
from calibrant.scaling.trends.history import MONTH, YEAR, History, On, to_scale
from calibrant.scaling.trends.model import Fitted, Floats

STEPS = 64
"""Times at which the trend is looked at, over as long ahead as the record is long."""


@dataclass(frozen=True)
class Reached:
    """When the trend reaches a value: the trend alone, without the scatter of subjects.

    Attributes:
        value: as given.
        date, earliest, latest: median and interval of the date; None: not within as long ahead as
            the record is long, which is as far as a trend is followed.
        chance: that it is reached so far ahead.
        already: the chance that the trend was there at the last date.
        horizon: the date until which it was followed.
        withheld: why no date is given, if the back-test failed so far ahead.
    """

    value: float
    date: str | None
    earliest: str | None
    latest: str | None
    chance: float
    already: float
    horizon: str
    withheld: str | None

    def sentence(self, level: float) -> str:
        """When, in words."""
        if self.withheld:
            return f"reaches {self.value:g}: withheld, as {self.withheld}"
        if self.earliest is None:
            return (
                f"does not reach {self.value:g} by {self.horizon} (chance {self.chance:.0%}); a "
                "trend is followed no further than its record is long"
            )
        if self.already >= (1 + level) / 2:
            return f"has reached {self.value:g} (chance {self.already:.0%})"
        middle = self.date or f"after {self.horizon}"
        end = self.latest or f"no end by {self.horizon}"
        return (
            f"reaches {self.value:g}: {middle} ({self.earliest} to {end}; chance {self.chance:.0%} "
            f"by {self.horizon})"
        )


def reached(
    h: History, fitted: Fitted, value: float, level: float, past: Backtest | None
) -> Reached:
    """When the trend reaches a value: upwards, or downwards where it falls and the value is below.

    Raises:
        InputError: for a value that the scale does not have.
    """
    target = _on_scale(value, h.on)
    months, chances = chance_by(fitted, target)
    tails = (0.5, (1 - level) / 2, (1 + level) / 2)
    middle, first, end = (_first(months, chances, t) for t in tails)
    last = h.date[-1]

    def day(after: float | None) -> str | None:
        return None if after is None else str(last + np.timedelta64(round(after * MONTH), "D"))

    nearest = middle if middle is not None else first
    why = None if nearest is None else withheld(past, nearest, float(months[-1]))
    dates = [None if why else day(x) for x in (middle, first, end)]
    return Reached(
        value, dates[0], dates[1], dates[2], float(chances[-1]), float(chances[0]),
        str(day(float(months[-1]))), why,
    )  # fmt: skip


def _on_scale(value: float, on: On) -> float:
    wrong = (
        not np.isfinite(value) or (on != "plain" and value <= 0) or (on == "logit" and value >= 1)
    )
    if wrong:
        wanted = {"log": "above 0", "logit": "between 0 and 1", "plain": "finite"}[on]
        raise InputError(f"reach: on the {on} scale wanted a value {wanted}, got {value:g}")
    return float(to_scale(np.array([value]), on)[0])


def chance_by(fitted: Fitted, target: float) -> tuple[Floats, Floats]:
    """Months after the last date, and the chance that the trend was at the target by then.

    The largest chance so far of being there at one date: less than that of having been there at
    any, so that intervals end late rather than early.
    """
    last = float(fitted.points.t.max())
    ahead = np.linspace(0, fitted.span, STEPS + 1)
    line = fitted.line(last + ahead)
    now = float(line.quantile(0.5)[0])
    below = line.cdf(np.full(ahead.size, target))
    falls = target < now and float(fitted.slope().quantile(0.5)[0]) < 0
    return ahead * YEAR / MONTH, np.maximum.accumulate(below if falls else 1 - below)


def _first(months: Floats, chances: Floats, level: float) -> float | None:
    """When a chance is first reached, between the steps by a straight line; None if it is not."""
    if chances[-1] < level:
        return None
    i = int(np.argmax(chances >= level))
    if i == 0:
        return 0.0
    share = (level - chances[i - 1]) / (chances[i] - chances[i - 1])
    return float(months[i - 1] + share * (months[i] - months[i - 1]))
