"""Ratings that are no maximum likelihood of pairs: win rates, Elo, online, and rankings."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import ndtri

from calibrant.errors import InputError
from calibrant.ratings.counts import TIE, Counts
from calibrant.ratings.estimators.elo import elo
from calibrant.ratings.estimators.online import start
from calibrant.ratings.estimators.plackett_luce import Rankings, plackett_luce
from calibrant.ratings.estimators.scores import win_rate
from calibrant.ratings.existence import existence
from calibrant.ratings.pools import Options
from calibrant.ratings.result import ELO, ELO_MEAN, RELATIVE, Rating, Ratings
from calibrant.records.comparisons import Comparisons
from calibrant.records.frames import table_of
from calibrant.stats.comparisons.ranks import ranks

Floats = NDArray[np.float64]


def rate_otherwise(rows: Comparisons, counts: Counts, options: Options) -> Ratings:
    """Ratings by win rate, Elo in sequence, or online.

    Raises:
        InputError: for options the model has no use for.
    """
    options.refuse_extras(
        options.model, bootstrap=True, prior=True, cluster=options.model != "win-rate"
    )
    make = {"win-rate": _win_rate, "elo": _elo, "online": _online}[options.model]
    return make(rows, counts, options)


def _win_rate(rows: Comparisons, counts: Counts, options: Options) -> Ratings:
    found = win_rate(counts, baseline=options.baseline, level=options.level)
    value, low, high = found.rate, found.low, found.high
    uncertainty = "Clopper–Pearson, with ties Wilson"
    if options.by:
        if len(options.by) > 1:
            raise InputError("cluster: win rates take one column")
        low, high = _clustered_rates(rows, counts, options)
        uncertainty = f"clustered by {options.by[0]}"
    notes = [
        RELATIVE,
        *rows.warnings,
        f"a win rate against {found.against} depends on who was met, and how often",
    ]
    unmet = "never met the baseline"
    return _scored(
        counts, options, value, np.stack([low, high], axis=1), None, notes, uncertainty,
        {"against": found.against}, unmet,
    )  # fmt: skip


def _clustered_rates(rows: Comparisons, counts: Counts, options: Options) -> tuple[Floats, Floats]:
    from calibrant.stats.estimates.clusters import Clusters, cluster_interval

    codes, _ = rows.labels(options.by[0])
    every = slice(None)
    a, b, o = rows.left.take(every), rows.right.take(every), rows.outcome.take(every)
    base = None if options.baseline is None else counts.names.index(options.baseline)
    size = len(counts.names)
    low, high = np.full(size, np.nan), np.full(size, np.nan)
    for k in range(size):
        mine = (a == k) | (b == k)
        if base is not None:
            mine &= (a == base) | (b == base)
        if not mine.any():
            continue
        points = np.where(o[mine] == TIE, 0.5, (o[mine] == 0) == (a[mine] == k))
        found = cluster_interval(
            Clusters.of(points, codes[mine]), method="robust", level=options.level
        )
        low[k], high[k] = found.low, found.high
    return low, high


def _elo(rows: Comparisons, counts: Counts, options: Options) -> Ratings:
    every = slice(None)
    if "weight" in rows.columns.columns:
        raise InputError("weight: Elo in sequence has none")
    found = elo(
        rows.left.take(every), rows.right.take(every), rows.outcome.take(every),
        subjects=len(counts.names), initial=ELO_MEAN, seed=options.seed,
    )  # fmt: skip
    value = found.ratings
    if options.baseline is not None:
        value = value + (ELO_MEAN - value[counts.names.index(options.baseline)])
    tail = (1 - options.level) / 2
    noise = np.quantile(found.shuffled, [tail, 1 - tail], axis=0).T
    notes = [
        RELATIVE,
        *rows.warnings,
        "Elo in sequence depends on the order of the rows; its intervals here are of that order "
        "noise alone, and leave out the chance in the outcomes",
    ]
    lower = found.shuffled.mean(axis=0)
    best = np.bincount(found.shuffled.argmax(axis=1), minlength=value.size)
    details = {
        "k": 4.0,
        "permutations": int(found.shuffled.shape[0]),
        "rows_shuffled": found.rows,
        "order_noise": repr(found),
        "mean_over_orders": dict(zip(counts.names, lower.tolist(), strict=True)),
        "first_in_orders": {
            counts.names[i]: int(n) for i, n in enumerate(best.tolist()) if n > 0
        },
    }  # fmt: skip
    return _scored(
        counts, options, value, noise, found.noise, notes,
        f"standard deviation over {found.shuffled.shape[0]} orders of the rows", details, "",
    )  # fmt: skip


def _online(rows: Comparisons, counts: Counts, options: Options) -> Ratings:
    state = start(len(counts.names))
    state.update(rows.blocks())
    reach = -float(ndtri((1 - options.level) / 2)) * state.sigma
    notes = [
        RELATIVE,
        *rows.warnings,
        "online ratings depend on the order of the rows; sigma is the method's own approximation",
    ]
    ends = np.stack([state.mu - reach, state.mu + reach], axis=1)
    return _scored(
        counts, options, state.mu, ends, state.sigma, notes, "posterior sigma (Weng–Lin)",
        {"model": "Weng–Lin, mu 25, sigma 25/3, beta 25/6"}, "",
    )  # fmt: skip


def _scored(
    counts: Counts, options: Options, value: Floats, ends: Floats, error: Floats | None,
    notes: list[str], uncertainty: str, details: dict[str, Any], missing: str,
) -> Ratings:  # fmt: skip
    """A result whose subjects have scores, best first; those without one say why."""
    table = counts.wins
    order = np.argsort(np.where(np.isnan(value), np.inf, -value), kind="stable")
    ratings = []
    for rank, k in enumerate(order.tolist(), start=1):
        there = bool(np.isfinite(value[k]))
        won, lost, tied = (float(x) for x in table[k])
        ratings.append(
            Rating(
                counts.names[k], None, None,
                float(error[k]) if error is not None and there else None, None, None, None,
                rank if there else None, None, None, None, won + lost + tied, won, lost, tied,
                score=float(value[k]) if there else None,
                score_interval=(float(ends[k, 0]), float(ends[k, 1])) if there else None,
                reason=None if there else missing,
            )
        )  # fmt: skip
    tied_all = float(counts.outcomes[:, TIE].sum())
    ties = {"count": tied_all, "share": tied_all / counts.total, "parameter": None,
            "name": None, "interval": None}  # fmt: skip
    return Ratings(
        options.model, tuple(ratings), counts.total, len(counts.names), options.level, uncertainty,
        ties, None, existence(counts), "not needed", None, details=details, notes=tuple(notes),
    )  # fmt: skip


def read_rankings(source: Any) -> Rankings:
    """Rankings from a path or table with columns ranking, subject and rank (1 is best).

    Raises:
        InputError: naming what is wrong: a column, a missing value, a subject ranked twice, or
            equal ranks (which Plackett–Luce has no place for).
    """
    table = table_of(source, "rankings")
    for name in ("ranking", "subject", "rank"):
        if name not in table.columns:
            raise InputError(
                f"rankings: no column {name!r} (wanted ranking, subject, rank); there are "
                f"{', '.join(table.columns[:8]) or 'none'}"
            )
        if table[name].null_count():
            row = int(table[name].is_null().arg_max() or 0)
            raise InputError(f"{name}: row {row}: a value is missing")
    if table.is_empty():
        raise InputError("rankings: wanted at least one, got none")
    rank = table["rank"].cast(pl.Float64, strict=False)
    wrong = rank.is_null() | ~rank.is_finite()
    if wrong.any():
        row = int(wrong.fill_null(True).arg_max() or 0)
        raise InputError(f"rank: row {row}: wanted a number, got {table['rank'][row]!r}")
    data = table.select(
        pl.col("ranking").cast(pl.String), pl.col("subject").cast(pl.String), rank.alias("rank")
    )
    for key, what in (
        (["ranking", "rank"], "equal ranks"),
        (["ranking", "subject"], "a subject twice"),
    ):
        twice = data.select(key).is_duplicated()
        if twice.any():
            row = int(twice.arg_max() or 0)
            raise InputError(f"rankings: row {row}: {what} in ranking {data['ranking'][row]!r}")
    names = sorted(set(data["subject"].to_list()))
    data = data.sort("ranking", "rank").with_columns(
        pl.col("subject").cast(pl.Enum(names)).to_physical().cast(pl.Int64).alias("code"),
        pl.int_range(pl.len()).over("ranking").alias("place"),
        pl.col("ranking").rle_id().alias("row"),
    )
    lone = data.filter(pl.len().over("ranking") < 2)
    if lone.height:
        raise InputError(f"rankings: {lone['ranking'][0]!r} ranks only one subject")
    places = np.full((int(data["row"].max()) + 1, int(data["place"].max()) + 1), -1, np.int64)  # type: ignore[arg-type]
    places[data["row"].to_numpy(), data["place"].to_numpy()] = data["code"].to_numpy()
    return Rankings(tuple(names), places)


def rate_rankings(source: Any, options: Options, nonexistent: str) -> Ratings:
    """Plackett–Luce ratings from rankings.

    Raises:
        InputError: for pools, which are for pairs, or an unknown baseline.
    """
    if nonexistent == "pools":
        raise InputError("pools: rankings are rated together or not at all; state a prior")
    data = read_rankings(source)
    if options.baseline is not None and options.baseline not in data.names:
        raise InputError(f"baseline: no subject {options.baseline!r}")
    fit = plackett_luce(data, prior_sd=options.prior)
    found = existence(data.neighbours())
    v = fit.covariance
    placed = ranks(fit.strengths, v, level=options.level, seed=options.seed)
    shift, variance = fit.strengths, np.diag(v)
    if options.baseline is not None:
        b = data.names.index(options.baseline)
        shift = shift - shift[b]
        variance = np.maximum(variance + v[b, b] - 2 * v[b], 0)
    error = np.sqrt(variance)
    reach = -float(ndtri((1 - options.level) / 2)) * error
    played = np.bincount(data.places[data.places >= 0], minlength=len(data.names))
    first = np.bincount(data.places[:, 0], minlength=len(data.names))
    ratings = []
    for rank, k in enumerate(np.argsort(-fit.strengths, kind="stable").tolist(), start=1):
        low, high = float(shift[k] - reach[k]), float(shift[k] + reach[k])
        ratings.append(
            Rating(
                data.names[k], float(shift[k]), float(ELO_MEAN + ELO * shift[k]), float(error[k]),
                float(ELO * error[k]), (low, high), (ELO_MEAN + ELO * low, ELO_MEAN + ELO * high),
                rank, (int(placed.low[k]), int(placed.high[k])), int(placed.tiers[k]),
                float(placed.best[k]), float(played[k]), float(first[k]),
                float(played[k] - first[k]), 0.0,
            )
        )  # fmt: skip
    proof = fit.convergence
    return Ratings(
        "plackett-luce", tuple(ratings), float(data.places.shape[0]), len(data.names),
        options.level, "sandwich, one ranking an observation",
        {"count": 0.0, "share": 0.0, "parameter": None, "name": None, "interval": None},
        None, found, "exists" if found.exists else "prior",
        {"gradient": proof.gradient, "decrement": proof.decrement, "rounds": proof.rounds,
         "fits": 1},
        details={"log_likelihood": [fit.log_likelihood]},
        notes=(RELATIVE, "wins are first places, losses all others"),
    )  # fmt: skip
