"""What is said of subjects rated together: standard errors, intervals, ranks and tiers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from calibrant.errors import InputError
from calibrant.ratings.counts import TIE, Counts
from calibrant.ratings.existence import Existence
from calibrant.ratings.fit import Fit
from calibrant.ratings.result import ELO, ELO_MEAN, Pool, Rating
from calibrant.ratings.solve import DENSE
from calibrant.ratings.uncertainty.bootstrap import Bootstrap, bootstrap
from calibrant.ratings.uncertainty.covariance import Covariance, clustered, sandwich
from calibrant.records.comparisons import Comparisons
from calibrant.stats.comparisons.ranks import Ranks, ranks

Floats = NDArray[np.float64]

FEWEST_DF = 2.0
"""Below this many degrees of freedom a standard error is shown but no interval is made of it."""


@dataclass(frozen=True)
class Options:
    """What a caller of `rate` asked for."""

    model: str
    by: tuple[str, ...] = ()
    prior: float | None = None
    order_effect: bool = False
    covariates: tuple[str, ...] = ()
    item_effects: bool = False
    bootstrap: int = 0
    level: float = 0.95
    baseline: str | None = None
    seed: int = 0

    def refuse_extras(
        self, what: str, *, bootstrap: bool = False, cluster: bool = False, prior: bool = False
    ) -> None:
        """Refuse options that `what` has no use for.

        Raises:
            InputError: naming the first.
        """
        wrong = {
            "order effect": self.order_effect,
            "covariates": bool(self.covariates),
            "item effects": self.item_effects,
            "bootstrap": bootstrap and self.bootstrap > 0,
            "cluster": cluster and bool(self.by),
            "prior": prior and self.prior is not None,
        }
        for name, asked in wrong.items():
            if asked:
                raise InputError(f"{name}: {what} has none")


def rate_pool(
    fit: Fit, rows: Comparisons, options: Options
) -> tuple[Pool, Bootstrap | None, list[str]]:
    """Covariance, bootstrap if asked, and ranks of one fit, with what must be said of them."""
    covariance = clustered(fit, rows, options.by) if options.by else sandwich(fit)
    notes = []
    if fit.model == "bt" and (fit.counts.outcomes[:, TIE] > 0).any():
        notes.append("Bradley–Terry counts each tie as half a win; Davidson models ties")
    if not options.by:
        notes += _dependence(rows)
        if "weight" in rows.columns.columns:
            notes.append("a weight is taken as that many comparisons by the standard errors")
    elif (covariance.df < FEWEST_DF).any():
        notes.append(
            f"{int((covariance.df < FEWEST_DF).sum())} subjects have fewer than {FEWEST_DF:g} "
            f"degrees of freedom by {' and '.join(options.by)}: no interval is given for them"
        )
    boot = None
    matrix = covariance.matrix
    if options.bootstrap:
        boot = bootstrap(
            fit, rounds=options.bootstrap, seed=options.seed,
            rows=rows if options.by else None, by=options.by,
        )  # fmt: skip
        if boot.failed:
            notes.append(f"{boot.failed} bootstrap rounds had no finite rating and are left out")
    placed = None
    if matrix is None:
        notes.append(f"no ranks: joint covariances are kept for at most {DENSE} subjects")
    else:
        placed = ranks(
            fit.strengths, matrix, level=options.level, df=covariance.df, seed=options.seed
        )
    return Pool(fit, covariance, placed), boot, notes


def _dependence(rows: Comparisons) -> list[str]:
    there = [c for c in ("item", "voter") if c in rows.columns.columns]
    repeated = [c for c in there if rows.columns[c].n_unique() < len(rows)]
    if not repeated:
        return []
    names = " and ".join(repeated)
    return [f"comparisons share {names}: standard errors without clusters may be too small"]


def pool_ratings(pool: Pool, boot: Bootstrap | None, options: Options, number: int) -> list[Rating]:
    """Ratings of a pool, best first."""
    fit = pool.fit
    shift, error = fit.strengths - fit.strengths.mean(), pool.covariance.standard_errors
    base = None
    if options.baseline in fit.counts.names:
        base = fit.counts.names.index(options.baseline)
        shift = fit.strengths - fit.strengths[base]
        error = _against(pool.covariance, base)
    low, high = _limits(shift, error, pool.covariance.df, options.level)
    if boot is not None:
        draws = boot.draws - (
            boot.draws.mean(axis=1) if base is None else boot.draws[:, base]
        )[:, None]  # fmt: skip
        error = draws.std(axis=0, ddof=1)
        tail = (1 - options.level) / 2
        low, high = np.quantile(draws, [tail, 1 - tail], axis=0)
    order = np.argsort(-fit.strengths, kind="stable")
    table = fit.counts.wins
    rated = []
    for rank, k in enumerate(order.tolist(), start=1):
        rated.append(
            _one(fit.counts.names[k], shift[k], error[k], (low[k], high[k]), rank, k,
                 pool.ranks, table[k], number)
        )  # fmt: skip
    return rated


def _one(
    name: str, shift: float, error: float, interval: tuple[float, float], rank: int, k: int,
    placed: Ranks | None, table: Floats, number: int,
) -> Rating:  # fmt: skip
    known = bool(np.isfinite(interval[0]))
    low, high = float(interval[0]), float(interval[1])
    return Rating(
        subject=name,
        log_strength=float(shift),
        elo=float(ELO_MEAN + ELO * shift),
        standard_error=float(error),
        elo_standard_error=float(ELO * error),
        interval=(low, high) if known else None,
        elo_interval=(ELO_MEAN + ELO * low, ELO_MEAN + ELO * high) if known else None,
        rank=rank,
        rank_interval=None if placed is None else (int(placed.low[k]), int(placed.high[k])),
        tier=None if placed is None else int(placed.tiers[k]),
        best=None if placed is None else float(placed.best[k]),
        comparisons=float(table.sum()),
        wins=float(table[0]),
        losses=float(table[1]),
        ties=float(table[2]),
        pool=number,
    )


def _against(covariance: Covariance, base: int) -> Floats:
    """Standard errors of differences from the baseline.

    Raises:
        InputError: if there is no joint covariance.
    """
    v = covariance.matrix
    if v is None:
        raise InputError(f"baseline: wanted at most {DENSE} subjects, got {covariance.df.size}")
    variance = np.maximum(np.diag(v) + v[base, base] - 2 * v[base], 0)
    variance[base] = 0.0
    return np.asarray(np.sqrt(variance))


def _limits(value: Floats, error: Floats, df: Floats, level: float) -> tuple[Floats, Floats]:
    """Interval ends; NaN where there are too few degrees of freedom."""
    tail = (1 + level) / 2
    finite = np.isfinite(df)
    quantile = np.where(finite, stdtrit(np.where(finite, df, 1.0), tail), ndtri(tail))
    reach = np.where(df >= FEWEST_DF, quantile * error, np.nan)
    return value - reach, value + reach


def unrated(counts: Counts, found: Existence, names: tuple[str, ...]) -> list[Rating]:
    """Subjects for whom no rating exists, with the reason."""
    index = {n: i for i, n in enumerate(counts.names)}
    table = counts.wins
    out = []
    for name in names:
        won, lost, tied = (float(x) for x in table[index[name]])
        if name in found.undefeated and name in found.winless:
            reason = "never won, lost or tied"
        elif name in found.undefeated:
            reason = "undefeated: stronger than whom it met, by how much cannot be said"
        elif name in found.winless:
            reason = "winless: weaker than whom it met, by how much cannot be said"
        else:
            reason = "no group of subjects both beats it and is beaten by it"
        empty = (None,) * 10
        out.append(Rating(name, *empty, won + lost + tied, won, lost, tied, reason=reason))
    return out


def ties_of(counts: Counts, pools: list[Pool], level: float) -> dict[str, Any]:
    """How many ties, and the tie parameter of the first pool's model, if any."""
    tied = float(counts.outcomes[:, TIE].sum())
    out: dict[str, Any] = {
        "count": tied, "share": tied / counts.total, "parameter": None, "name": None,
        "interval": None,
    }  # fmt: skip
    if not pools or pools[0].fit.tie is None:
        return out
    fit, covariance = pools[0].fit, pools[0].covariance
    t, error = float(fit.parameters[-1]), float(np.sqrt(max(covariance.extra[-1], 0)))
    reach = float(ndtri((1 + level) / 2)) * error
    floor = 1.0 if fit.model == "rao-kupper" else 0.0
    out["parameter"] = fit.tie
    out["name"] = "theta" if fit.model == "rao-kupper" else "nu"
    # Where subjects are nearly undefeated the upper limit is beyond any float: it is unknown.
    ends = (t - reach, t + reach)
    out["interval"] = [floor + float(np.exp(e)) if e < 700 else None for e in ends]
    return out


def order_of(pools: list[Pool], level: float) -> dict[str, Any]:
    """Advantage of standing left, in the first pool."""
    fit, covariance = pools[0].fit, pools[0].covariance
    value, error = float(fit.order_effect or 0.0), float(np.sqrt(max(covariance.extra[0], 0)))
    reach = float(ndtri((1 + level) / 2)) * error
    return {
        "log_odds": value,
        "elo": float(ELO * value),
        "standard_error": error,
        "interval": [value - reach, value + reach],
    }
