"""Do trends cover later subjects, and do claims hold as often as said? Made worlds with a truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from calibrant.errors import UnfitError
from calibrant.scaling.transfer.certificates import CERTIFICATES as TRANSFER
from calibrant.scaling.trends.backtest import backtest, straight_line
from calibrant.scaling.trends.history import History, component, records
from calibrant.scaling.trends.model import Floats, Points, fit
from calibrant.scaling.trends.reach import chance_by
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes

LEVEL = 0.9
_TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
_YEARS, _SLOPE, _NOISE = 5.0, 1.7, 0.5
_ORIGIN = np.datetime64("2020-01-01", "D")


def _world(
    regime: Regime, rng: np.random.Generator, many: int = 3
) -> tuple[History, Floats, Floats, Floats, float]:
    """A history of n subjects, some later times, values and lines there, the slope at the end."""
    kind, n, ahead = regime["world"], int(regime["n"]), float(regime["ahead"])
    t = np.sort(np.concatenate([[0.0, _YEARS], rng.uniform(0, _YEARS, n - 2)]))
    later = _YEARS + ahead * np.arange(1, many + 1) / many
    every = np.concatenate([t, later])
    line, slope = _SLOPE * every, _SLOPE
    if kind in ("break", "break later"):
        at = 3.0 if kind == "break" else _YEARS
        line = line + 1.3 * np.maximum(every - at, 0)
        slope += 1.3 if kind == "break" else 0.0
    moves = rng.normal(size=every.size) * np.sqrt(np.diff(every, prepend=0.0))
    if kind == "walk":
        line = line + 0.7 * np.cumsum(moves)
    if kind == "bend":
        slopes = 0.4 * np.cumsum(moves)
        line = line + np.cumsum(slopes * np.diff(every, prepend=0.0))
        slope += float(slopes[n - 1])
    labs = rng.integers(0, 4, every.size)
    y = line + rng.normal(0, _NOISE, every.size)
    if kind == "labs":
        y = y + rng.normal(0, 0.7, 4)[labs]
    names = np.array([f"s{i}" for i in range(n)])
    lab = np.array([f"lab{i}" for i in labs[:n]]) if kind == "labs" else names
    version = np.full(n, "2")
    if kind.startswith("instrument"):
        version[t < 3.0] = "1"
        y = y + np.where(every < 3.0, 0.8, 0.0)
    date = _ORIGIN + np.rint(t * 365.25).astype(int)
    h = History(
        names, lab, version, date, np.exp2(y[:n]), y[:n], None, "log", "2", grouped=kind == "labs"
    )
    if kind == "instrument":
        h = _with_bridges(h, rng)
    return h, later - _YEARS, y[n:], line[n:], slope


def _with_bridges(h: History, rng: np.random.Generator) -> History:
    """Four subjects of the old version measured by the new one too, all with some error."""
    y = h.y + rng.normal(0, 0.2, len(h))
    old = rng.permutation(np.flatnonzero(h.version == "1"))[:4]
    again = h.y[old] - 0.8 + rng.normal(0, 0.2, old.size)
    rows = np.concatenate([np.arange(len(h)), old])
    both = replace(h.take(rows), y=np.concatenate([y, again]))
    version = np.concatenate([h.version, np.full(old.size, "2")])
    return replace(both, version=version).take(np.argsort(both.date, kind="stable"))


def _forecast(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    sums = dict.fromkeys(
        ("covered", "width", "slope covered", "trend interval covered", "trend interval width",
         "least squares covered", "least squares width", "bootstrap covered", "bootstrap width"),
        0.0,
    )  # fmt: skip
    refused = 0
    for _ in range(draws):
        h, ahead, y, _, slope = _world(regime, rng)
        # What is not linked is left out, as `history` does.
        if regime["world"] == "instrument, no bridge":
            h = h.take(np.isin(h.version, list(component(h.subject, h.version, "2"))))
        p = h.points()
        try:
            fitted = fit(p)
        except UnfitError:
            refused += 1
            continue
        last = p.t.max()
        low, high = fitted.later(last + ahead).interval(LEVEL)
        _add(sums, "", low, high, y)
        a, b = fitted.slope().interval(LEVEL)
        sums["slope covered"] += float(a[0] <= slope <= b[0])
        middle, line, value, _, _ = straight_line(p.t, p.y, last + ahead, LEVEL)
        _add(sums, "trend interval ", middle - line, middle + line, y)
        _add(sums, "least squares ", middle - value, middle + value, y)
        low, high = _resampled(p.t, p.y, last + ahead, rng)
        _add(sums, "bootstrap ", low, high, y)
    found = {name: total / (draws - refused) for name, total in sums.items()}
    return found | {"refused": refused / draws}


def _add(sums: dict[str, float], who: str, low: Floats, high: Floats, y: Floats) -> None:
    sums[f"{who}covered"] += float(np.mean((low <= y) & (y <= high)))
    sums[f"{who}width"] += float(np.mean(high - low))


def _resampled(t: Floats, y: Floats, at: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Lines through resampled subjects, 200 times; their central 90 %."""
    rows = rng.integers(0, t.size, (200, t.size))
    s, v = t[rows], y[rows]
    s0, v0 = s.mean(axis=1), v.mean(axis=1)
    spread = np.sum((s - s0[:, None]) ** 2, axis=1)
    ok = spread > 0
    slope = np.sum((s - s0[:, None]) * v, axis=1)[ok] / spread[ok]
    lines = v0[ok, None] + slope[:, None] * (at - s0[ok, None])
    low, high = np.quantile(lines, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return low, high


def _frontier(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Records of many subjects; the next two records are forecast when they come."""
    sums = dict.fromkeys(("covered", "trend interval covered", "least squares covered"), 0.0)
    done = 0
    while done < draws:
        h, _, _, _, _ = _world({**regime, "ahead": 1.0}, rng)
        cut = h.date <= _ORIGIN + int(4.0 * 365.25)
        past, every = records(h.take(cut)), records(h)
        after = every.take(every.date > _ORIGIN + int(4.0 * 365.25))
        after = after.take(np.arange(len(after)) < 2)
        if len(set(past.subject)) < 4 or not len(after):
            continue
        done += 1
        p = past.points()
        low = float(past.y.max())
        high = fit(p).later(after.t, low=low).interval(LEVEL)[1]
        sums["covered"] += float(np.mean((low <= after.y) & (after.y <= high)))
        middle, line, value, _, _ = straight_line(p.t, p.y, after.t, LEVEL)
        gap = np.abs(after.y - middle)
        sums["trend interval covered"] += float(np.mean(gap <= line))
        sums["least squares covered"] += float(np.mean(gap <= value))
    return {name: total / draws for name, total in sums.items()}


def _withheld(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """How often a back-test withholds forecasts half a year and a year ahead."""
    near = far = naive = 0.0
    for _ in range(draws):
        h, _, _, _, _ = _world({**regime, "ahead": 1.0}, rng)
        past = backtest(h, level=LEVEL)
        if past is None:
            continue
        at = [past.at(m) for m in (5.0, 11.0)]
        near += float(past.failed or (at[0] is not None and at[0].failed))
        far += float(past.failed or (at[1] is not None and at[1].failed))
        naive += float(np.mean([x.covered for x in past.tried]) < LEVEL)
    return {
        "withheld at 5 months": near / draws, "withheld at 11 months": far / draws,
        "all forecasts withheld": naive / draws,
    }  # fmt: skip


def _reach(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """When the true trend is first as high as it was a year's growth ago; at most 4 years ahead."""
    names = ("covered", "without an end", "delta method covered", "bootstrap covered")
    sums = dict.fromkeys(names, 0.0)
    for _ in range(draws):
        h, ahead, _, line, _ = _world({**regime, "ahead": 4.0}, rng, many=96)
        target = float(line[0]) + _SLOPE
        over = line >= target
        truth = float(ahead[np.argmax(over)]) if over.any() else np.inf
        p = h.points()
        months, chances = chance_by(fit(p), target)
        first, end = (float(np.min(months[chances >= c], initial=np.inf)) / 12 for c in _TAILS)
        sums["covered"] += float(first - months[1] / 12 <= truth <= end)
        sums["without an end"] += float(end == np.inf)
        low, high = _delta(p.t, p.y, target)
        sums["delta method covered"] += float(low <= truth <= high)
        low, high = _crossings(p.t, p.y, target, rng)
        sums["bootstrap covered"] += float(low <= truth <= high)
    return {name: total / draws for name, total in sums.items()}


def _delta(t: Floats, y: Floats, target: float) -> tuple[float, float]:
    """Years after the last point when a straight line is at the target; 90 %, delta method."""
    slope = straight_line(t, y, t[-1:], LEVEL)[3]
    if slope <= 0:
        return np.inf, np.inf
    at = t.mean() + (target - y.mean()) / slope
    half = float(straight_line(t, y, np.array([at]), LEVEL)[1][0]) / slope
    return float(at - half - t.max()), float(at + half - t.max())


def _crossings(
    t: Floats, y: Floats, target: float, rng: np.random.Generator
) -> tuple[float, float]:
    """When lines through resampled subjects are there; the central 90 % of 200."""
    rows = rng.integers(0, t.size, (200, t.size))
    s, v = t[rows], y[rows]
    s0, v0 = s.mean(axis=1), v.mean(axis=1)
    spread = np.sum((s - s0[:, None]) ** 2, axis=1)
    slope = np.sum((s - s0[:, None]) * v, axis=1) / np.maximum(spread, 1e-9)
    up = slope > 1e-6
    at = np.full(200, np.inf)
    at[up] = s0[up] + (target - v0[up]) / slope[up] - t.max()
    low, high = np.quantile(at, _TAILS, method="nearest")
    return float(low), float(high)


def _shared(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Known errors of measurement that grow with time and are alike for all subjects in part."""
    n, rho = int(regime["n"]), float(regime["shared"])
    takes = {"": None, "stated ": rho, "independent errors ": 0.0}
    names = ("covered", "width", "slope covered", "slope width")
    sums = {f"{who}{name}": 0.0 for who in takes for name in names}
    for _ in range(draws):
        t = np.sort(np.concatenate([[0.0, _YEARS], rng.uniform(0, _YEARS, n - 2)]))
        every = np.append(t, _YEARS + 1.0)
        se = np.append(np.linspace(0.1, float(regime["se"]), n), 0.0)
        se[n] = np.median(se[:n])
        common = rng.normal() * np.sqrt(rho)
        error = se * (common + np.sqrt(1 - rho) * rng.normal(size=n + 1))
        y = _SLOPE * every + rng.normal(0, 0.3, n + 1) + error
        codes, one = np.arange(n), np.zeros(n, dtype=np.int64)
        for who, share in takes.items():
            fitted = fit(Points(t, y[:n], codes, codes, one, se[:n], share))
            low, high = fitted.later(every[n:]).interval(LEVEL)
            _add(sums, who, low, high, y[n:])
            a, b = fitted.mean_slope().interval(LEVEL)
            _add(sums, f"{who}slope ", a, b, np.array([_SLOPE]))
    return {name: total / draws for name, total in sums.items()}


_WORLDS = regimes(
    "world n ahead",
    ("line", 5, 1.0), ("line", 16, 1.0), ("labs", 12, 1.0), ("labs", 20, 1.0), ("walk", 12, 1.0),
    ("walk", 20, 1.0), ("break", 8, 1.0), ("break", 16, 1.0), ("bend", 12, 1.0),
    ("instrument", 16, 1.0),
)  # fmt: skip

CERTIFICATES = (
    Certificate(
        name="trend",
        method="calibrant.scaling.trend",
        statement=(
            "90 % intervals for subjects up to a year after the last one cover at least 88 of 100, "
            "on a line, with errors shared within laboratories, a wandering level, a break or a "
            "bend before the last point, and a linked change of the instrument; and so does the "
            "interval of the slope in at least 85."
        ),
        regimes=_WORLDS,
        beyond=regimes(
            "world n ahead", ("instrument, no bridge", 24, 1.0), ("break later", 16, 1.0),
            ("break", 16, 3.0), ("line", 3, 1.0),
        ),
        batch=_forecast,
        bounds={
            "covered": Bound(low=0.9, slack=0.02), "slope covered": Bound(low=0.85),
            "refused": Bound(high=0.0),
        },
        peers={
            "trend interval": "the 90 % interval of a straight line by ordinary least squares",
            "least squares": "the 90 % prediction interval of that line",
            "bootstrap": "lines through resampled subjects, as published for time horizons",
        },
        batch_draws=25,
    ),
    Certificate(
        name="trend-frontier",
        method="calibrant.scaling.trend with frontier",
        statement=(
            "90 % intervals for the next two records, from the record before to the upper 95 % "
            "limit, cover at least 88 of 100; not where the slope broke a year before."
        ),
        regimes=regimes("world n", ("line", 40), ("labs", 40), ("walk", 30)),
        beyond=regimes("world n", ("break", 40)),
        batch=_frontier,
        bounds={"covered": Bound(low=0.9, slack=0.02)},
        peers={
            "trend interval": "the interval of a straight line through the records",
            "least squares": "the prediction interval of that line",
        },
        batch_draws=25,
    ),
    Certificate(
        name="trend-withheld",
        method="calibrant.scaling.trends.backtest.backtest",
        statement="On a line forecasts are withheld after a back-test in at most 15 of 100.",
        regimes=regimes("world n", ("line", 10)),
        beyond=regimes("world n", ("break", 10)),
        batch=_withheld,
        bounds={
            "withheld at 5 months": Bound(high=0.15), "withheld at 11 months": Bound(high=0.15),
        },
        peers={"all forecasts": "withheld where under 90 % of all past forecasts were covered"},
        batch_draws=10,
    ),
    Certificate(
        name="trend-reach",
        method="calibrant.scaling.trend with reach",
        statement=(
            "90 % intervals of the date at which the trend first reaches a value about a year "
            "ahead hold it in at least 87 of 100; an interval that has no end within as long as "
            "the record counts as reaching on for ever."
        ),
        regimes=regimes(
            "world n", ("line", 6), ("line", 16), ("labs", 16), ("walk", 16), ("break", 12),
            ("bend", 12),
        ),
        beyond=regimes("world n", ("break later", 16)),
        batch=_reach,
        bounds={"covered": Bound(low=0.9, slack=0.03)},
        peers={
            "delta method": "a straight line by ordinary least squares, and the delta method",
            "bootstrap": "straight lines through resampled subjects",
        },
        batch_draws=25,
    ),
    Certificate(
        name="trend-shared",
        method="calibrant.scaling.trend with shared_se",
        statement=(
            "With known errors of measurement, correlated between subjects or not, 90 % intervals "
            "for a later subject cover at least 88 of 100, and for the average slope at least 84 "
            "if the correlation is not stated, 88 if it is."
        ),
        regimes=regimes(
            "n se shared", (8, 0.8, 0.0), (8, 0.8, 0.5), (16, 1.5, 0.8),
        ),
        batch=_shared,
        bounds={
            "covered": Bound(low=0.9, slack=0.02), "stated covered": Bound(low=0.9, slack=0.02),
            "slope covered": Bound(low=0.86, slack=0.02),
            "stated slope covered": Bound(low=0.9, slack=0.02),
        },
        peers={"independent errors": "the same model, with errors taken as independent"},
        batch_draws=25,
    ),
    *TRANSFER,
)  # fmt: skip
