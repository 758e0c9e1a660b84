"""Trends of few, dependent points: the model, its plain twin, versions, records, back-test."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import InputError, UnfitError
from calibrant.scaling import trend
from calibrant.scaling.predictive import Predictive
from calibrant.scaling.trends import model
from calibrant.scaling.trends.backtest import straight_line
from calibrant.scaling.trends.certificates import CERTIFICATES
from calibrant.scaling.trends.history import component
from calibrant.stats.certificates import measure_certificate


def table(n: int = 12, *, seed: int = 0, noise: float = 0.4, months: float = 7.0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    day = np.linspace(0, 5 * 365.25, n).astype(int)
    y = day / 30.4375 / months + rng.normal(0, noise, n)
    when = np.datetime64("2020-01-01") + day
    return pl.DataFrame(
        {"model": [f"m{i}" for i in range(n)], "lab": [f"l{i % 3}" for i in range(n)],
         "date": when.astype(str), "minutes": np.exp2(y)}
    )  # fmt: skip


def fitted(y: np.ndarray, t: np.ndarray, family: np.ndarray | None = None) -> model.Fitted:
    n = t.size
    codes = np.arange(n) if family is None else family
    return model.fit(model.Points(t, y, np.arange(n), codes, np.zeros(n, dtype=np.int64)))


def plain(p: model.Points, r: model.Ratios, i: int, at: float) -> tuple[float, float]:
    """Location and spread of a new subject at one point of the grid, one entry at a time."""
    n, u = p.t.size, p.t - p.t.min()
    span = float(u.max())

    def covariance(a: float, b: float) -> float:
        low, high = min(a, b), max(a, b)
        # ∫₀^low (a − s)(b − s) ds, by Simpson, exact for quadratics.
        f = [(a - s) * (b - s) for s in (0.0, low / 2, low)]
        bend = low / 6 * (f[0] + 4 * f[1] + f[2])
        assert low <= high
        return r.level[i] ** 2 * low / span + r.bend[i] ** 2 * 3 / span**3 * bend

    v = np.zeros((n + 1, n + 1))
    times = [*u, at - p.t.min()]
    kin = [*p.family, -1]
    for a in range(n + 1):
        for b in range(n + 1):
            v[a, b] = covariance(times[a], times[b]) + (a == b)
            v[a, b] += r.family[i] ** 2 * (kin[a] == kin[b])
    x = np.array([[1.0, s - span] for s in times])
    inverse = np.linalg.inv(v[:n, :n])
    information = x[:n].T @ inverse @ x[:n]
    beta = np.linalg.solve(information, x[:n].T @ inverse @ p.y)
    rest = p.y - x[:n] @ beta
    gain = v[n, :n] @ inverse
    d = x[n] - gain @ x[:n]
    variance = v[n, n] - gain @ v[:n, n] + d @ np.linalg.inv(information) @ d
    scale = rest @ inverse @ rest / (n - 2)
    return float(x[n] @ beta + gain @ rest), float(np.sqrt(variance * scale))


@settings(max_examples=8, deadline=None)
@given(st.integers(4, 9), st.integers(0, 10_000))
def test_the_kernel_agrees_with_its_plain_twin(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    t = np.sort(rng.uniform(2020, 2025, n))
    found = fitted(t * 1.3 + rng.normal(size=n), t, rng.integers(0, 3, n))
    p, r = found.points, found.ratios
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "COMPONENTS", 10_000)
        later = found.later(np.array([t.max() + 0.7]))
    for i in range(0, r.size.size, 23):
        place, spread = plain(p, r, i, float(t.max() + 0.7))
        assert later.location[i, 0] == pytest.approx(place, rel=1e-5, abs=1e-6)
        assert later.spread[i, 0] == pytest.approx(spread, rel=1e-5)


def test_without_wandering_it_is_least_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the grid's first point alone, the textbook prediction interval comes out."""
    monkeypatch.setattr(model, "LEVEL", (0.0,))
    monkeypatch.setattr(model, "BEND", (0.0,))
    t, y = np.array([0.0, 1, 2, 4, 5]), np.array([0.3, 1.0, 2.9, 3.8, 5.4])
    low, high = fitted(y, t).later(np.array([6.0])).interval(0.9)
    middle, line, value, slope, half = straight_line(t, y, np.array([6.0]), 0.9)
    assert (low[0], high[0]) == pytest.approx((middle[0] - value[0], middle[0] + value[0]))
    assert line[0] < value[0]
    ends = fitted(y, t).slope().interval(0.9)
    assert (ends[0][0], ends[1][0]) == pytest.approx((slope - half, slope + half))
    # R: predict(lm(y ~ t), data.frame(t = 6), interval = "prediction", level = .9) and confint.
    assert (low[0], high[0]) == pytest.approx((4.61527372, 7.79402861), abs=1e-7)
    assert (slope - half, slope + half) == pytest.approx((0.704876109, 1.25326343), abs=1e-8)


def test_doubling_forecast_and_backtest() -> None:
    found = trend(table(), date="date", value="minutes", family="lab", at=["2025-07", "2026-01:l1"])
    assert found.now.months_low < 7 < found.now.months_high
    assert found.average.months == pytest.approx(7, abs=0.7)
    first, second = found.forecasts
    truth = 2 ** (5.5 * 12 / 7)
    assert first.withheld is not None or first.low < truth < first.high
    assert second.family == "l1"
    assert found.backtest is not None
    assert found.backtest.n == 8
    assert 0 <= found.backtest.interval[0] <= found.backtest.coverage
    said = found.to_dict()
    assert "drawn" not in said
    if first.density is not None:
        again = Predictive.from_dict(said["forecasts"][0]["density"])
        assert 2 ** float(again.quantile(0.5)[0]) == pytest.approx(first.median, rel=1e-9)
    assert "doubles every" in repr(found)


def test_a_broken_past_withholds() -> None:
    rows = table(16, noise=0.05)
    y = np.log2(rows["minutes"].to_numpy()).copy()
    y[8:] += 2.5 * np.arange(8)
    rows = rows.with_columns(pl.Series("minutes", np.exp2(y)))
    (held,) = trend(rows, date="date", value="minutes", at="2026-08").forecasts
    assert "of the past 12 to 24 months ahead" in held.withheld
    assert held.median is None
    assert held.density is None


def test_versions_are_bridged_or_left_out() -> None:
    rows = table(12)
    old = rows.with_columns(pl.lit("1").alias("v"))
    new = rows[8:].with_columns(pl.lit("2").alias("v"), pl.col("minutes") / 2)
    both = pl.concat([old[:11], new])
    found = trend(both, date="date", value="minutes", version="v", tried=False)
    assert found.reference == "2"
    assert found.versions[0].bridges == 3
    assert found.versions[0].low < 1 < found.versions[0].high
    apart = pl.concat([old[:8], new])
    found = trend(apart, date="date", value="minutes", version="v", tried=False)
    assert found.subjects == 4
    assert "no subject links version 1 to 2" in found.warnings[0]
    assert component(np.array(["a", "a", "b"]), np.array(["1", "2", "3"]), "1") == {"1", "2"}


def test_records_begin_at_the_record() -> None:
    rows = table(14, noise=1.2, seed=3)
    found = trend(rows, date="date", value="minutes", frontier=True, tried=False)
    assert found.subjects < found.every == 14
    best = float(rows["minutes"].max())
    assert all(f.low == pytest.approx(best) and f.median > best for f in found.forecasts)


def test_what_is_wrong_with_the_points_is_said() -> None:
    rows = table(8)
    late = rows[:1].with_columns(pl.lit("2031-01-01").alias("date"), pl.lit("late").alias("model"))
    more = pl.concat([rows, rows[:1], late])
    found = trend(more, date="date", value="minutes", today=date(2026, 1, 1), tried=False)
    text = " ".join(found.warnings)
    assert "after 2026-01-01" in text
    assert "of an earlier row" in text
    few = trend(rows[[0, 3, 7]], date="date", value="minutes")
    assert "three subjects only" in few.warnings[0]
    assert few.backtest is None


@pytest.mark.parametrize(
    ("change", "options", "error", "says"),
    [
        ({}, {"value": "none"}, InputError, "no column 'none'"),
        ({"minutes": [0.0, *range(1, 8)]}, {}, InputError, "row 1, 'minutes': on the log scale"),
        ({"minutes": [44.0] * 8}, {"on": "logit"}, InputError, "percent"),
        ({}, {"at": "2020-01-01"}, InputError, "not after the last point"),
        ({}, {"at": "soon"}, InputError, "wanted a date"),
        ({}, {"at": "2027-01:x"}, InputError, "no column of families"),
        ({}, {"at": "2027-01:x", "family": "lab"}, InputError, "no family 'x'"),
        ({}, {"level": 1.5}, InputError, "level"),
        ({}, {"reference": "9", "version": "lab"}, InputError, "no version '9'"),
        ({}, {"low": "minutes"}, InputError, "both of its columns"),
        ({}, {"se": "zero"}, InputError, "standard error above 0"),
        ({"date": ["2024-01-01"] * 8}, {}, UnfitError, "at least 3 subjects at 3 dates"),
        ({"date": [None] * 8}, {}, UnfitError, "no row has a value and a date"),
    ],
)
def test_wrong_input_is_refused(change, options, error, says) -> None:
    rows = table(8).with_columns(pl.lit(0.0).alias("zero"))
    rows = rows.with_columns(pl.Series(k, v, strict=False) for k, v in change.items())
    with pytest.raises(error, match=says):
        trend(rows, **{"date": "date", "value": "minutes"} | options)


def test_a_perfect_line_is_no_data() -> None:
    t = np.arange(6.0)
    with pytest.raises(UnfitError, match="one line exactly"):
        fitted(2 * t, t)


def test_standard_errors_and_intervals_agree() -> None:
    rows = table(8).with_columns((pl.col("minutes") * 0.1).alias("se"))
    rows = rows.with_columns(
        (pl.col("minutes") * float(np.exp(-0.196))).alias("low"),
        (pl.col("minutes") * float(np.exp(0.196))).alias("high"),
    )
    a = trend(rows, date="date", value="minutes", se="se", tried=False)
    b = trend(rows, date="date", value="minutes", low="low", high="high", tried=False)
    assert a.forecasts[0].high == pytest.approx(b.forecasts[0].high, rel=1e-3)


@pytest.mark.parametrize("certificate", CERTIFICATES[:2], ids=lambda c: c.name)
def test_certificates_measure(certificate) -> None:
    from dataclasses import replace

    short = replace(
        certificate, regimes=certificate.regimes[:1], beyond=(), batch_draws=25, bounds={}
    )
    (found,) = measure_certificate(short, draws=25)
    assert found.statistics["covered"] > 0.75
    assert found.statistics["trend interval covered"] < found.statistics["covered"]


def test_when_a_value_is_reached() -> None:
    found = trend(table(), date="date", value="minutes", reach=[2**5, 2**10, 2.0**60], tried=False)
    past, near, far = found.reaches
    assert past.already > 0.95
    truth = np.datetime64("2020-01-01") + int(10 * 7 * 30.4375)
    assert near.earliest < str(truth) < (near.latest or "9999")
    assert near.earliest < near.date
    assert far.date is far.earliest is far.latest is None
    assert "does not reach" in far.sentence(0.9)
    with pytest.raises(InputError, match="wanted a value above 0"):
        trend(table(), date="date", value="minutes", reach=-1.0, tried=False)


def test_shared_errors_are_generalised_least_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LEVEL", "BEND"):
        monkeypatch.setattr(model, name, (0.0,))
    monkeypatch.setattr(model, "SIZES", (1e-6,))
    t, y = np.array([0.0, 1, 2, 4, 5]), np.array([0.3, 1.0, 2.9, 3.8, 5.4])
    se, rho = np.array([0.1, 0.2, 0.4, 0.5, 0.9]), 0.6
    one = np.zeros(5, dtype=np.int64)
    found = model.fit(model.Points(t, y, np.arange(5), np.arange(5), one, se, rho))
    v = np.outer(se, se) * (rho + (1 - rho) * np.eye(5))
    x, inverse = np.stack([np.ones(5), t], axis=1), np.linalg.inv(v)
    cov = np.linalg.inv(x.T @ inverse @ x)
    slope = (cov @ x.T @ inverse @ y)[1]
    low, middle, high = found.slope().quantile(np.array([0.05, 0.5, 0.95]))[:, 0]
    assert middle == pytest.approx(slope, abs=1e-4)
    assert high - low == pytest.approx(2 * 1.6448536 * np.sqrt(cov[1, 1]), rel=1e-4)


@pytest.mark.parametrize(
    ("text", "day"),
    [("2020", "2020-07-02"), ("2021-Q2", "2021-05-16"), ("Q4 2023", "2023-11-16"),
     ("2024-02", "2024-02-15")],
)  # fmt: skip
def test_periods_are_put_at_their_middle(text: str, day: str) -> None:
    from calibrant.scaling.trends.periods import in_days

    made, said = in_days(pl.DataFrame({"when": [text, "2020-01-01", "soon"]}), "when")
    assert made["when"].to_list() == [day, "2020-01-01", "soon"]
    assert "1 row names a period" in said[0]


def test_what_says_nothing_is_not_a_number() -> None:
    same = table(8).with_columns(pl.lit(4.0).alias("minutes"))
    with pytest.raises(UnfitError, match="all values are the same"):
        trend(same, date="date", value="minutes")
    with pytest.raises(InputError, match="need standard errors"):
        trend(table(), date="date", value="minutes", shared_se=0.5)
    (held,) = trend(table(), date="date", value="minutes", at="2090-01", tried=False).forecasts
    assert "further than the record is long" in held.withheld
