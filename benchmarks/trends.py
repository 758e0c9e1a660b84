"""Do trend intervals hold on dated series that are real? METR's time horizons and sloth's scores.

Each date is a cut: what was known then forecasts what came next. Beside `calibrant forecast trend`
stand what is usually published: the 90 % interval of a straight line through the records (as a band
around a trend), and the same line's prediction interval. METR's own doubling times are printed
beside ours, and the one model that it measured after the table was made is settled.

    python benchmarks/trends.py [FOLDER]      (with sloth/ in it)

Nothing was chosen on these series.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from calibrant.errors import UnfitError
from calibrant.scaling import trend
from calibrant.scaling.trends.backtest import backtest, straight_line
from calibrant.scaling.trends.history import History, history, record_level, records
from calibrant.scaling.trends.model import fit

LEVEL = 0.9
NEWER = """gpt2 2019-02-14 0.0538 0.00999 0.1418 1.0
davinci 2020-05-28 0.1441 0.0933 0.2212 1.0
gpt_3_5 2022-03-15 0.5992 0.2552 1.1159 1.0
gpt_4 2023-03-14 3.987 1.933 7.995 1.1
gpt_4_1106 2023-11-06 4.045 1.867 8.443 1.1
claude_3_opus 2024-03-04 3.952 1.706 8.765 1.1
gpt_4_turbo 2024-04-09 3.733 1.980 6.737 1.1
gpt_4o 2024-05-13 6.991 4.001 12.906 1.1
claude_3_5 2024-06-20 11.395 5.490 22.384 1.1
o1_preview 2024-09-12 20.327 11.716 33.380 1.1
claude_3_5_new 2024-10-22 20.523 10.144 40.820 1.1
o1 2024-12-05 38.832 21.165 64.952 1.1
claude_3_7 2025-02-24 60.389 33.006 104.226 1.1
o3 2025-04-16 119.733 74.615 190.944 1.1
claude_4_opus 2025-05-22 100.366 59.994 163.454 1.1
claude_4_1_opus 2025-08-05 100.472 59.272 159.452 1.1
gpt_5 2025-08-07 203.013 112.641 405.552 1.1
gemini_3_pro 2025-11-18 224.326 139.565 379.235 1.1
gpt_5_1_codex_max 2025-11-19 223.715 134.311 396.207 1.1
claude_opus_4_5 2025-11-24 292.995 161.718 623.705 1.1
gpt_5_2 2025-12-11 352.249 198.067 815.177 1.1
claude_opus_4_6 2026-02-05 718.807 316.686 3633.786 1.1
gpt_5_3_codex 2026-02-05 349.531 194.913 816.352 1.1
gemini_3_1_pro 2026-02-19 384.147 233.501 694.751 1.1
gpt_5_4 2026-03-05 341.735 186.582 768.780 1.1
gpt_4 2023-03-14 6.024 2.768 11.722 1.0
gpt_4_1106 2023-11-06 9.395 4.468 18.162 1.0
claude_3_opus 2024-03-04 7.148 3.218 14.765 1.0
gpt_4_turbo 2024-04-09 7.777 4.050 14.211 1.0
gpt_4o 2024-05-13 10.175 5.001 19.509 1.0
claude_3_5 2024-06-20 19.765 10.532 35.809 1.0
o1_preview 2024-09-12 23.255 12.641 39.370 1.0
claude_3_5_new 2024-10-22 30.455 14.722 60.892 1.0
o1 2024-12-05 41.552 19.823 85.806 1.0
claude_3_7 2025-02-24 55.258 28.871 89.187 1.0
o3 2025-04-16 91.444 46.571 158.037 1.0
claude_4_opus 2025-05-22 83.568 44.935 140.617 1.0
claude_4_1_opus 2025-08-05 109.263 55.955 200.808 1.0
gpt_5 2025-08-07 130.817 67.704 247.820 1.0
gpt_5_1_codex_max 2025-11-19 162.254 80.193 336.505 1.0
claude_opus_4_5 2025-11-24 246.782 104.266 821.560 1.0"""
"""Minutes at 50 % success with 95 % intervals and the version, as METR published them until April
2026 (benchmark_results_1_0.yaml and 1_1.yaml); of version 1.0 the models that 1.1 has too."""
LATER = ("claude_mythos_preview_early", "2026-04-07", 1044.78, 508.88, 3304.26)
"""The one model that version 1.1 had more in May 2026 (none until September)."""
PUBLISHED = {"from 2023 on, 95 %": (128.7, 104.4, 158.0), "whole record": (187.8, None, None)}
"""METR's doubling times of version 1.1, days."""


def metr() -> pl.DataFrame:
    """METR's horizons, a row a measurement."""
    rows = [line.split() for line in NEWER.splitlines()]
    names = ["model", "date", "minutes", "low", "high", "version"]
    table = pl.DataFrame(rows, schema=names, orient="row")
    return table.with_columns(pl.col("minutes", "low", "high").cast(pl.Float64))


def growth(table: pl.DataFrame) -> None:
    """Doubling times beside METR's, and the forecast that is settled."""
    ends = {"low": "low", "high": "high"}
    for what, shared in (("shared part integrated", None), ("errors independent", 0.0)):
        for name, rows in (("whole record", table),
                           ("from 2023 on", table.filter(pl.col("date") >= "2023"))):  # fmt: skip
            found = trend(rows, value="minutes", version="version", level=0.95, shared_se=shared,
                          tried=False, at=LATER[1], **ends)  # fmt: skip
            a, now = found.average, found.now
            print(
                f"  {name}, {what}: average {a.months * 30.44:.0f} days "
                f"({a.months_low * 30.44:.0f} to {a.months_high * 30.44:.0f}), now "
                f"{now.months * 30.44:.0f} ({now.months_low * 30.44:.0f} to "
                f"{now.months_high * 30.44:.0f})"
            )
    for name, (days, low, high) in PUBLISHED.items():
        print(f"  METR, {name}: {days} days" + (f" ({low} to {high})" if low else ""))
    for frontier in (False, True):
        found = trend(table, value="minutes", version="version", level=LEVEL, frontier=frontier,
                      at=LATER[1], **ends)  # fmt: skip
        f = found.forecasts[0]
        print(f"  {LATER[0]} ({LATER[1]}): measured {LATER[2]:.0f} minutes; said on 2026-03-05, "
              f"{'records' if frontier else 'any model'}: {f.median and round(f.median)} "
              f"({f.low and round(f.low)} to {f.high and round(f.high)})")  # fmt: skip


def beside(h: History, frontier: bool, ahead: int) -> tuple[int, dict[str, int]]:
    """Of the next `ahead` subjects after each cut: how many, and how many each interval held."""
    whole = records(h) if frontier else h
    days = np.unique(whole.date)
    held, n = dict.fromkeys(("ours", "trend interval", "prediction interval"), 0), 0
    for cut in days[:-1]:
        past = h.take(h.date <= cut)
        known = records(past) if frontier else past
        after = whole.take(whole.date > cut)
        after = after.take(np.arange(len(after)) < ahead)
        if len(set(known.subject)) < 4:
            continue
        try:
            fitted = fit(known.points())
        except UnfitError:
            continue
        floor = record_level(known) if frontier else -np.inf
        code = dict(zip(map(str, known.family), fitted.points.family, strict=True))
        kin = np.array([code.get(str(f), -1) for f in after.family], dtype=np.int64)
        low, high = fitted.later(after.t, kin, low=floor).interval(LEVEL)
        if frontier:
            high = fitted.later(after.t, low=floor).quantile(0.95)
            low = np.full(len(after), floor)
        held["ours"] += int(np.sum((low <= after.y) & (after.y <= high)))
        middle, line, value, _, _ = straight_line(known.t, known.y, after.t, LEVEL)
        gap = np.abs(after.y - middle)
        held["trend interval"] += int(np.sum(gap <= line))
        held["prediction interval"] += int(np.sum(gap <= value))
        n += len(after)
    return n, held


def said(name: str, h: History, frontier: bool) -> np.ndarray:
    """Print one back-test."""
    started = time.process_time()
    line = [name]
    counts = []
    for ahead in (1, 4):
        n, held = beside(h, frontier, ahead)
        shown = ", ".join(f"{k} {v}" for k, v in held.items())
        line.append(f"next {ahead}: of {n}: {shown}")
        counts += [n, *held.values()]
    past = backtest(h, level=LEVEL, frontier=frontier)
    if past is not None:
        kept = [(x.covered, not (f := past.at(x.months)) or not f.failed) for x in past.tried]
        far = ", ".join(
            f"{a.low:g}-{'' if a.high is None else f'{a.high:g}'} {a.coverage:.2f}"
            f"{' withheld' if a.failed else ''}" for a in past.horizons
        )  # fmt: skip
        some = [c for c, good in kept if good]
        line.append(
            f"by months ahead: {far}; where not withheld {np.mean(some):.2f}" if some else far
        )
    print("  " + "\n      ".join(line) + f"\n      {time.process_time() - started:.1f} CPU s")
    return np.array(counts)


def four(table: pl.DataFrame) -> None:
    """At each year's end: the next four records, by what was known."""
    h = history(table.filter(pl.col("version") == "1.1"), date="date", value="minutes",
                low="low", high="high")  # fmt: skip
    for cut in ("2024-10-31", "2024-12-31", "2025-03-31", "2025-06-30", "2025-08-31"):
        day = np.datetime64(cut)
        known = records(h.take(h.date <= day))
        after = records(h)
        after = after.take(after.date > day)
        after = after.take(np.arange(len(after)) < 4)
        plain = replace(known, se=None)
        floor = record_level(known)
        ours = [fit(k.points()).later(after.t, low=floor).quantile(0.95) for k in (known, plain)]
        middle, line, value, _, _ = straight_line(known.t, known.y, after.t, LEVEL)
        gap = np.abs(after.y - middle)
        print(f"  {cut}: {len(known)} records known; of the next {len(after)} held: ours "
              f"{int(np.sum(after.y <= ours[0]))} ({int(np.sum(after.y <= ours[1]))} without "
              f"published errors), trend interval {int(np.sum(gap <= line))}, prediction interval "
              f"{int(np.sum(gap <= value))}")  # fmt: skip


def sloth(folder: Path) -> None:
    """Six benchmarks of the second open leaderboard, by date: records, and all base models."""
    table = pl.read_csv(folder / "sloth" / "data_v2.csv")
    both: dict[str, np.ndarray] = {}
    for name in ["IFEval", "BBH", "MATH Lvl 5", "GPQA", "MUSR", "MMLU-PRO"]:
        rows = table.filter(
            pl.col(name).is_between(0, 1, closed="none") & pl.col("date").is_not_null()
        )
        for frontier, some in ((True, rows), (False, rows.filter(~pl.col("Instruct")))):
            family = None if frontier else "Family"
            h = history(some, date="date", value=name, subject="Model", family=family, on="logit")
            kind = "records" if frontier else "base models"
            found = said(f"{name}, {kind} ({len(h)} models)", h, frontier)
            both[kind] = both.get(kind, 0) + found
    for kind, c in both.items():
        one = ", ".join(f"{x / c[0]:.2f}" for x in c[1:4])
        next_four = ", ".join(f"{x / c[4]:.2f}" for x in c[5:])
        print(f"  all six, {kind}: ours, trend interval, prediction interval held of the next "
              f"({c[0]}) {one}; of the next four ({c[4]}) {next_four}")  # fmt: skip


def main() -> None:
    """Print all."""
    table = metr()
    print("METR, time horizons: doubling times")
    growth(table)
    print("METR, version 1.1: the next four records")
    four(table)
    newer = table.filter((pl.col("version") == "1.1") | (pl.col("date") < "2023"))
    h = history(newer, date="date", value="minutes", low="low", high="high")
    print("METR, back-tests (early models as measured by version 1.0)")
    said("records", h, True)
    said("all models", h, False)
    if len(sys.argv) > 1:
        print("sloth, logit of scores")
        sloth(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
