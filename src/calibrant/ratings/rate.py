"""Which subject is better, how sure is that, and does a rating exist? The verb `rate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.ratings.counts import TIE, Counts, count_blocks
from calibrant.ratings.existence import Existence, existence
from calibrant.ratings.fit import RatingError, fit
from calibrant.ratings.likelihood import ModelName
from calibrant.ratings.pools import Options, pool_ratings, rate_pool, unrated
from calibrant.ratings.result import RELATIVE, Pool, Rating, Ratings
from calibrant.records.comparisons import Comparisons
from calibrant.records.read_comparisons import read_comparisons

Floats = NDArray[np.float64]

Model = Literal[
    "auto", "bt", "davidson", "rao-kupper", "win-rate", "elo", "online", "plackett-luce"
]
MODELS: tuple[str, ...] = get_args(Model)


def rate(
    source: Any,
    *,
    model: Model = "auto",
    cluster: str | Sequence[str] = (),
    prior: float | None = None,
    nonexistent: Literal["error", "pools"] = "error",
    order_effect: bool = False,
    covariates: Sequence[str] = (),
    item_effects: bool = False,
    bootstrap: int = 0,
    level: float = 0.95,
    baseline: str | None = None,
    anchors: Any = None,
    gold: str | None = None,
    columns: Mapping[str, str] | None = None,
    seed: int = 0,
    audit: bool = False,
) -> Ratings:
    """Rate subjects from comparisons.

    Args:
        source: a path or table of comparisons (see `read_comparisons`); for "plackett-luce", of
            rankings (see `read_rankings`).
        model: "bt", "davidson" or "rao-kupper" (maximum likelihood); "auto" is "davidson" if
            there are ties, else "bt"; "win-rate"; "elo" in the order of the rows; "online"
            (Weng and Lin); "plackett-luce".
        cluster: one or two columns within which comparisons may depend on each other, such as
            "item" or ("item", "voter").
        prior: standard deviation of a normal prior on log-strengths; none by default.
        nonexistent: what to do without a prior if no finite rating exists: "error", or "pools",
            which rates each group apart within which ratings exist.
        order_effect: estimate the advantage of standing left.
        covariates: columns to adjust for, such as "length" (the difference left minus right, or
            taken from left_length and right_length).
        item_effects: give each subject a random effect on each item.
        bootstrap: rounds; standard errors and intervals are then the bootstrap's.
        level: confidence of intervals and ranks.
        baseline: subject whose log-strength is 0 and Elo 1500; by default the mean is.
        anchors: path or table with columns subject and score: graded on an absolute scale.
        gold: column of gold outcomes, filled for some comparisons of an erring judge: ratings are
            then corrected for the errors that these show.
        columns: own names of columns, such as {"item": "prompt"}.
        seed: of simulations.
        audit: also ask how easily the board is upset (see `calibrant.ratings.audit`).

    Raises:
        RatingError: if no rating exists and none of the ways out was chosen.
        InputError: naming what is wrong with the input.
    """
    by = (cluster,) if isinstance(cluster, str) else tuple(cluster)
    options = Options(
        model, by, prior, order_effect, tuple(covariates), item_effects, bootstrap, level,
        baseline, seed,
    )  # fmt: skip
    result = _anchored(_rated(source, columns, options, nonexistent, gold), anchors, options)
    if not audit:
        return result
    if result.rows is None:
        raise InputError(f"audit: wanted comparisons of pairs, got model {model!r}")
    from calibrant.ratings.audit.table import audit_table

    asked = audit_table(
        result.rows, result.model, prior_sd=prior, covariates=tuple(covariates), seed=seed
    )
    return result.with_audit(asked)


def _rated(
    source: Any, columns: Mapping[str, str] | None, options: Options, nonexistent: str,
    gold: str | None,
) -> Ratings:  # fmt: skip
    """Check what was asked, read the comparisons, and rate them by the model."""
    if options.model not in MODELS:
        raise InputError(f"model: wanted one of {', '.join(MODELS)}, got {options.model!r}")
    if not 0.5 <= options.level < 1:
        raise InputError(f"level: wanted 0.5 to below 1, got {options.level}")
    if nonexistent not in ("error", "pools"):
        raise InputError(f"nonexistent: wanted error or pools, got {nonexistent!r}")
    if gold is not None and options.model not in ("auto", "bt", "davidson", "rao-kupper"):
        raise InputError(f"gold: {options.model} has none")
    if options.model == "plackett-luce":
        from calibrant.ratings.others import rate_rankings

        options.refuse_extras("a ranking model", bootstrap=True, cluster=True)
        return rate_rankings(source, options, nonexistent)
    rows = read_comparisons(source, columns=columns)
    counts = count_blocks(rows.blocks(), names=rows.names)
    baseline = options.baseline
    if baseline is not None and baseline not in counts.names:
        near = ", ".join(counts.names[:8])
        raise InputError(f"baseline: no subject {baseline!r}; there are {near}")
    if options.model in ("win-rate", "elo", "online"):
        from calibrant.ratings.others import rate_otherwise

        return replace(rate_otherwise(rows, counts, options), rows=rows)
    return _likelihood(rows, counts, options, nonexistent, gold)


def _anchored(result: Ratings, anchors: Any, options: Options) -> Ratings:
    if anchors is None:
        return result
    from calibrant.ratings.anchors import anchor_ratings

    return anchor_ratings(result, anchors, options.level)


def _likelihood(
    rows: Comparisons, counts: Counts, options: Options, nonexistent: str, gold: str | None
) -> Ratings:
    if not (counts.outcomes[:, :TIE] > 0).any():
        raise RatingError(
            f"comparisons: all {counts.total:,.0f} are ties: there is nothing to order by"
        )
    found = existence(counts)
    plan = _plan(counts, found, options, nonexistent)
    whole = len(plan.groups) == 1 and plan.groups[0].size == len(counts.names)
    if not whole and (gold is not None or options.covariates or options.item_effects):
        raise RatingError(f"{found!r}; gold, covariates and item effects need one pool or a prior")
    if gold is not None:
        from calibrant.ratings.gold import rate_by_gold

        return rate_by_gold(rows, counts, options, found, plan.handled, gold)
    if options.covariates or options.item_effects:
        from calibrant.ratings.adjusted import rate_adjusted

        return rate_adjusted(rows, counts, options, found, plan.handled)
    pools: list[Pool] = []
    ratings: list[Rating] = []
    notes: list[str] = [RELATIVE, *rows.warnings, *plan.notes]
    draws = 0
    for number, group in enumerate(plan.groups):
        part = counts if group.size == len(counts.names) else counts.restrict(group)
        chosen = _model(part, options.model)
        fitted = fit(part, chosen, order_effect=options.order_effect, prior_sd=options.prior)
        pool, boot, said = rate_pool(fitted, rows, options)
        draws += 0 if boot is None else boot.draws.shape[0]
        pools.append(pool)
        notes += [n for n in said if n not in notes]
        ratings += pool_ratings(pool, boot, options, number)
    ratings += unrated(counts, found, plan.left_out)
    return _result(rows, counts, options, found, plan.handled, pools, ratings, notes)


@dataclass(frozen=True)
class _Plan:
    """Which subjects are rated together, who is left out, and what to say."""

    groups: list[NDArray[np.int64]]
    left_out: tuple[str, ...]
    handled: str
    notes: list[str]


def _plan(counts: Counts, found: Existence, options: Options, nonexistent: str) -> _Plan:
    everyone = np.arange(len(counts.names))
    if found.exists:
        return _Plan([everyone], (), "exists", [])
    if options.prior is not None:
        note = (
            f"{found!r}; finite only by the stated prior (sd {options.prior:g}), on which the "
            "ratings of those named depend"
        )
        if len(found.pools) > 1:
            note += "; between pools only the prior speaks"
        return _Plan([everyone], (), "prior", [note])
    if nonexistent != "pools":
        raise RatingError(f"{found!r}; rate the pools apart, or state a prior")
    index = {n: i for i, n in enumerate(counts.names)}
    groups = [np.sort([index[n] for n in g]) for g in found.components if len(g) > 1]
    if not groups:
        raise RatingError(f"{found!r}; no two subjects can be rated together: state a prior")
    lone = [g[0] for g in found.components if len(g) == 1]
    alone = tuple(sorted(lone, key=lambda n: (n not in found.undefeated, n in found.winless, n)))
    kept = sum(counts.restrict(g).total for g in groups)
    note = (
        f"{found!r}; {len(groups)} pools are rated apart and cannot be compared with each other; "
        f"{counts.total - kept:,.0f} comparisons between pools are left out"
    )
    return _Plan(groups, alone, "pools", [note])


def _model(counts: Counts, asked: str) -> ModelName:
    if asked == "auto":
        return "davidson" if (counts.outcomes[:, TIE] > 0).any() else "bt"
    return asked  # type: ignore[return-value]


def _result(
    rows: Comparisons, counts: Counts, options: Options, found: Existence, handled: str,
    pools: list[Pool], ratings: list[Rating], notes: list[str],
) -> Ratings:  # fmt: skip
    from calibrant.ratings.pools import order_of, ties_of

    models = sorted({p.fit.model for p in pools})
    proofs = [p.fit.convergence for p in pools]
    return Ratings(
        model=" and ".join(models),
        ratings=tuple(ratings),
        comparisons=counts.total,
        subjects=len(counts.names),
        level=options.level,
        uncertainty=(
            f"bootstrap, {options.bootstrap} rounds" if options.bootstrap
            else pools[0].covariance.method
        ),
        ties=ties_of(counts, pools, options.level),
        order_effect=order_of(pools, options.level) if options.order_effect else None,
        existence=found,
        handled=handled,
        convergence={
            "gradient": max(p.gradient for p in proofs),
            "decrement": max(p.decrement for p in proofs),
            "rounds": max(p.rounds for p in proofs),
            "fits": len(proofs),
        },
        details={"log_likelihood": [p.fit.log_likelihood for p in pools]},
        notes=tuple(notes),
        pools=tuple(pools),
        rows=rows,
    )  # fmt: skip
