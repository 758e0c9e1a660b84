"""Ratings by the gold standard, where some comparisons have gold outcomes beside the judge's."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.ratings.counts import TIE, Counts, count_blocks
from calibrant.ratings.existence import Existence
from calibrant.ratings.fit import Fit
from calibrant.ratings.likelihood import ModelName
from calibrant.ratings.pools import Options, pool_ratings, ties_of
from calibrant.ratings.result import RELATIVE, Pool, Ratings
from calibrant.ratings.solve import DENSE
from calibrant.ratings.uncertainty.covariance import Covariance
from calibrant.ratings.uncertainty.judged import Judged, confusion, judge_corrected
from calibrant.records.comparisons import WORDS, Comparisons
from calibrant.stats.comparisons.ranks import ranks


def rate_by_gold(
    rows: Comparisons, counts: Counts, options: Options, found: Existence, handled: str, gold: str
) -> Ratings:
    """Ratings corrected for the judge's errors, measured on the rows whose column `gold` is filled.

    Raises:
        InputError: for an unknown word, or options that do not go together.
    """
    options.refuse_extras("correction by gold", cluster=True)
    if len(counts.names) > DENSE:
        raise InputError(f"gold: wanted at most {DENSE} subjects, got {len(counts.names)}")
    codes = _codes(rows, gold)
    known = codes >= 0
    verdict = rows.outcome.take(slice(None))[known].astype(np.int64)
    table = confusion(codes[known], verdict)
    rest = count_blocks(rows.filter(~known).blocks(), names=rows.names)
    ties = bool((counts.outcomes[:, TIE] > 0).any())
    asked = options.model
    model: ModelName = ("davidson" if ties else "bt") if asked == "auto" else asked  # type: ignore[assignment]
    judged = judge_corrected(
        rest, table, model, prior_sd=options.prior, rounds=options.bootstrap or 200,
        seed=options.seed,
    )  # fmt: skip
    pool = _pool(judged, options)
    proof = pool.fit.convergence
    return Ratings(
        model=f"{model} by gold",
        ratings=tuple(pool_ratings(pool, None, options, 0)),
        comparisons=rest.total,
        subjects=len(counts.names),
        level=options.level,
        uncertainty=pool.covariance.method,
        ties=ties_of(rest, [], options.level),
        order_effect=None,
        existence=found,
        handled=handled,
        convergence={"gradient": proof.gradient, "decrement": proof.decrement,
                     "rounds": proof.rounds, "fits": 1},
        details={
            "judge": repr(judged), "confusion": judged.confusion.tolist(),
            "gold_comparisons": int(known.sum()), "log_likelihood": [judged.log_likelihood],
        },
        notes=(
            RELATIVE, *rows.warnings,
            "corrected as if the judge erred alike on all items and subjects",
        ),
        pools=(pool,),
        rows=rows,
    )  # fmt: skip


def _pool(judged: Judged, options: Options) -> Pool:
    v = judged.covariance
    infinite = np.full(v.shape[0], np.inf)
    covariance = Covariance(
        v, np.diag(v), np.zeros(0), infinite,
        f"bootstrap of verdicts and gold, {judged.rounds} rounds", {},
    )  # fmt: skip
    fit: Fit = judged.fit
    return Pool(fit, covariance, ranks(fit.strengths, v, level=options.level, seed=options.seed))


def _codes(rows: Comparisons, gold: str) -> NDArray[np.int64]:
    """Gold outcomes as 0 left, 1 right, 2 tie, and -1 where there is none."""
    if gold not in rows.columns.columns:
        there = ", ".join(rows.columns.columns[:12]) or "none"
        raise InputError(f"gold: no column {gold!r}; there are {there}")
    column = rows.columns[gold].cast(pl.String)
    words = column.str.strip_chars().str.to_lowercase()
    words = words.replace("", None)
    codes = words.replace_strict(WORDS, default=-2, return_dtype=pl.Int64)
    wrong = words.is_not_null() & (codes == -2)
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        raise InputError(f"gold: row {row}: wanted left, right or tie, got {column[row]!r}")
    if words.null_count() == len(words):
        raise InputError(f"gold: column {gold!r} is empty")
    return pl.Series(codes).set(words.is_null(), -1).to_numpy().astype(np.int64)
