"""How often is a curve of gold under pressure wrong, or a turn claimed that is none?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr, stdtrit

from calibrant.judges.pressure.analysis import turning
from calibrant.judges.pressure.bands import curve
from calibrant.judges.pressure.floors import floors
from calibrant.judges.pressure.forms import fit
from calibrant.judges.pressure.kl import kl_bound
from calibrant.judges.pressure.nulls import null_answers
from calibrant.judges.pressure.order import best_of
from calibrant.judges.pressure.synthetic import Planted
from calibrant.stats.certificates import Bound, Certificate, Regime, peers, regimes

Floats = NDArray[np.float64]

FLIPS = 499


@lru_cache(maxsize=64)
def _source(
    df: float, error: float, levels: int | None, binary: bool, most: int
) -> tuple[Planted, NDArray[np.int64], Floats]:
    """A source, the n that are looked at, and the truth there."""
    source = Planted(df=df, error=error, levels=levels, binary=binary)
    n = np.unique(np.rint(np.geomspace(1, most, 12)).astype(np.int64))
    return source, n, source.truth(n)


def _of(regime: Regime) -> tuple[Planted, NDArray[np.int64], Floats]:
    return _source(
        regime["df"], regime["error"], regime["levels"], regime["binary"], regime["answers"]
    )


def _with_replacement(judge: Floats, gold: Floats, n: NDArray[np.int64]) -> Floats:
    """The plug-in: the best of n draws with replacement from the N answers."""
    total = judge.shape[1]
    order = np.argsort(judge, axis=1, kind="stable")
    ranked = np.take_along_axis(gold, order, axis=1)
    ends = np.arange(total + 1) / total
    weights = np.diff(ends[None, :] ** n[:, None], axis=1)
    return np.asarray(ranked @ weights.T)


def _first(judge: Floats, gold: Floats, n: NDArray[np.int64]) -> Floats:
    """The best of the first n answers in the file."""
    picked = [judge[:, :k].argmax(axis=1) for k in n]
    return np.stack([gold[np.arange(len(gold)), at] for at in picked], axis=1)


def _t(rows: Floats) -> tuple[Floats, Floats]:
    reach = peers.t(len(rows) - 1) * rows.std(axis=0, ddof=1) / len(rows) ** 0.5
    return rows.mean(axis=0), np.asarray(reach)


def _curves(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    source, n, truth = _of(regime)
    prompts, answers = regime["prompts"], regime["answers"]
    sums: dict[str, float] = dict.fromkeys(
        ("covered", "band covered", "bias over its error", "width", "t band covered",
         "with replacement covered", "with replacement bias over its error", "first n covered",
         "first n width"), 0.0,
    )  # fmt: skip
    z = np.zeros((2, n.size, 2))
    for _ in range(draws):
        judge, gold = source.draw(prompts, answers, rng)
        rows = best_of(judge, gold, n)
        found = curve(
            rows, n, span=(0.0, 1.0) if regime["binary"] else None,
            worth=floors(list(judge), list(gold), n).worth, draws=600,
            seed=int(rng.integers(2**31)),
        )  # fmt: skip
        inside = (found.low <= truth + 1e-9) & (truth <= found.high + 1e-9)
        sums["covered"] += float(inside.mean())
        both = (found.band_low <= truth + 1e-9) & (truth <= found.band_high + 1e-9)
        sums["band covered"] += bool(both.all())
        sums["width"] += float((found.high - found.low).mean())
        mean, reach = _t(rows)
        sums["t band covered"] += bool(np.all(np.abs(mean - truth) <= reach + 1e-9))
        z[0, :, 0] += mean - truth
        z[0, :, 1] += (mean - truth) ** 2
        drawn = _with_replacement(judge, gold, n)
        mean, reach = _t(drawn)
        sums["with replacement covered"] += float((np.abs(mean - truth) <= reach + 1e-9).mean())
        z[1, :, 0] += mean - truth
        z[1, :, 1] += (mean - truth) ** 2
        mean, reach = _t(_first(judge, gold, n))
        sums["first n covered"] += float((np.abs(mean - truth) <= reach + 1e-9).mean())
        sums["first n width"] += float(2 * reach.mean())
    found_sums = {name: total / draws for name, total in sums.items()}
    for row, name in enumerate(("bias over its error", "with replacement bias over its error")):
        mean = z[row, :, 0] / draws
        spread = np.sqrt(np.maximum(z[row, :, 1] / draws - mean**2, 1e-300))
        found_sums[name] = float(np.abs(mean / spread).max())
    return found_sums


def _turns(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    source, n, truth = _of(regime)
    best = truth >= truth.max() - 1e-6
    sums: dict[str, float] = dict.fromkeys(
        ("holds the best n", "share of n kept", "argmax is the best n",
         "bootstrap of the argmax holds"), 0.0,
    )  # fmt: skip
    for _ in range(draws):
        judge, gold = source.draw(regime["prompts"], regime["answers"], rng)
        rows = best_of(judge, gold, n)
        turn = turning(
            rows,
            n,
            floors=floors(list(judge), list(gold), n),
            draws=FLIPS,
            seed=int(rng.integers(2**31)),
        )
        kept = np.isin(n, turn.among)
        # Of several best n each is held with the promised chance; one is as good as another.
        sums["holds the best n"] += float(kept[best].mean())
        sums["share of n kept"] += float(kept.mean())
        top = int(rows.mean(axis=0).argmax())
        sums["argmax is the best n"] += bool(best[top])
        at = rng.integers(0, len(rows), (200, len(rows)))
        tops = rows[at].mean(axis=1).argmax(axis=1)
        low, high = np.quantile(tops, [0.025, 0.975])
        inside = (np.arange(n.size) >= low) & (np.arange(n.size) <= high)
        sums["bootstrap of the argmax holds"] += float(inside[best].mean())
    return {name: total / draws for name, total in sums.items()}


def _declines(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    sums: dict[str, float] = dict.fromkeys(
        ("alarm", "alarm anywhere", "peak against last alarm", "lower than its peak alarm"), 0.0
    )
    prompts, answers = regime["prompts"], regime["answers"]
    n = np.unique(np.rint(np.geomspace(1, answers, 12)).astype(np.int64))
    for _ in range(draws):
        if regime["law"] == "useless":  # the judge says nothing of gold: the curve is flat
            judge = rng.standard_normal((prompts, answers))
            gold = (rng.random((prompts, answers)) < regime["rate"]).astype(float)
        elif regime["law"] == "skewed":
            judge = np.ceil(rng.random((prompts, answers)) * 5)
            gold = rng.exponential(size=(prompts, answers))
        else:
            df = 2.0 if regime["law"] == "turns" else math.inf
            levels = 4 if regime["law"] == "levels" else None
            judge, gold = Planted(df=df, levels=levels).draw(prompts, answers, rng)
        rows = best_of(judge, gold, n)
        turn = turning(
            rows,
            n,
            floors=floors(list(judge), list(gold), n),
            draws=FLIPS,
            seed=int(rng.integers(2**31)),
        )
        sums["alarm"] += turn.p_value <= 0.05
        sums["alarm anywhere"] += turn.p_anywhere <= 0.05
        top = int(rows.mean(axis=0).argmax())
        apart = rows[:, top] - rows[:, -1]
        error = apart.std(ddof=1) / prompts**0.5
        p = 1.0 if error == 0 else float(stdtr(prompts - 1, -apart.mean() / error))
        sums["peak against last alarm"] += p <= 0.05
        sums["lower than its peak alarm"] += top < n.size - 1
    return {name: total / draws for name, total in sums.items()}


ALPHA, BETA = 1.0, 0.3


def _fits(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    d = np.sqrt(kl_bound(2 ** np.arange(1, 11)))
    names = ("alpha", "beta", "peak")
    sums: dict[str, float] = dict.fromkeys(
        [f"{name} covered" for name in names]
        + ["misfit alarm", "width of alpha"]
        + [f"{peer} {name} covered" for peer in ("curve_fit", "independent n") for name in names]
        + ["curve_fit width of alpha"],
        0.0,
    )
    truth = {"alpha": ALPHA, "beta": BETA, "peak": ALPHA / (2 * BETA)}
    x = np.stack([d, -(d**2)], axis=1)
    for _ in range(draws):
        shape = (regime["prompts"], d.size)
        noise = rng.standard_normal(shape) if regime["noise"] == "normal" else (
            rng.exponential(size=shape) - 1
        )  # fmt: skip
        own = rng.standard_normal((shape[0], 2)) * [0.4, 0.1]
        step = np.sqrt(np.diff(np.concatenate([[0.0], d])))
        rows = d * (ALPHA + own[:, :1]) - d**2 * (BETA + own[:, 1:])
        rows = rows + 0.6 * np.cumsum(noise * step, axis=1)
        found = fit(d, rows, draws=FLIPS, seed=int(rng.integers(2**31)))
        ends = {
            "alpha": (found.alpha_interval.low, found.alpha_interval.high),
            "beta": (found.beta_interval.low, found.beta_interval.high),
            "peak": (found.peak.low, found.peak.high),
        }
        sums["misfit alarm"] += found.p_value <= 0.05
        sums["width of alpha"] += ends["alpha"][1] - ends["alpha"][0]
        both = {"curve_fit": _curve_fit(x, rows), "independent n": _weighted(x, rows)}
        for name in names:
            sums[f"{name} covered"] += ends[name][0] <= truth[name] <= ends[name][1]
            for peer, theirs in both.items():
                low, high = theirs[name]
                sums[f"{peer} {name} covered"] += low <= truth[name] <= high
        sums["curve_fit width of alpha"] += (
            both["curve_fit"]["alpha"][1] - (both["curve_fit"]["alpha"][0])
        )
    return {name: total / draws for name, total in sums.items()}


def _curve_fit(x: Floats, rows: Floats) -> dict[str, tuple[float, float]]:
    """`scipy.optimize.curve_fit` on the mean curve: independent errors, scaled by residuals."""
    y = rows.mean(axis=0)
    coefficients, *_ = np.linalg.lstsq(x, y, rcond=None)
    rest = y - x @ coefficients
    cov = np.linalg.inv(x.T @ x) * (rest @ rest) / (y.size - 2)
    return _wald(coefficients, cov, float(-stdtrit(y.size - 2, 0.025)))


def _weighted(x: Floats, rows: Floats) -> dict[str, tuple[float, float]]:
    """Weighted by the errors at each n, `absolute_sigma=True`: n taken as independent."""
    y, error = rows.mean(axis=0), rows.std(axis=0, ddof=1) / len(rows) ** 0.5
    w = x / error[:, None]
    cov = np.linalg.inv(w.T @ w)
    return _wald(cov @ (w.T @ (y / error)), cov, peers.z())


def _wald(c: Floats, cov: Floats, q: float) -> dict[str, tuple[float, float]]:
    error = np.sqrt(np.diag(cov))
    peak = float(c[0] / (2 * c[1]))
    slope = np.array([1 / (2 * c[1]), -c[0] / (2 * c[1] ** 2)])
    reach = q * float(np.sqrt(slope @ cov @ slope))
    return {
        "alpha": (float(c[0] - q * error[0]), float(c[0] + q * error[0])),
        "beta": (float(c[1] - q * error[1]), float(c[1] + q * error[1])),
        "peak": (peak - reach, peak + reach),
    }


def _nulls(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    prompts, answers = regime["prompts"], regime["answers"]
    at, spread = regime["null_at"], 0.8
    truth = float(ndtr(at / math.sqrt(1 + spread**2)))
    sums: dict[str, float] = dict.fromkeys(
        ("covered", "width", "all pairs covered", "normal by prompt covered"), 0.0
    )
    item = np.repeat(np.arange(prompts), answers + 1)
    kind = np.tile([*[""] * answers, "constant"], prompts)
    for _ in range(draws):
        level = spread * rng.standard_normal((prompts, 1))
        real = level + rng.standard_normal((prompts, answers))
        score = np.concatenate([real, np.full((prompts, 1), at)], axis=1)
        table = pl.DataFrame({"item": item, "judge": score.ravel(), "null": kind})
        (found,) = null_answers(table, item="item", judge="judge", null="null")
        sums["covered"] += found.low <= truth <= found.high
        sums["width"] += found.high - found.low
        wins = real < at
        rate = wins.mean()
        pooled = peers.wilson(rate, wins.size, peers.z())
        sums["all pairs covered"] += bool(pooled[0] <= truth <= pooled[1])
        each = wins.mean(axis=1)
        reach = peers.z() * float(peers.stderr(each))
        sums["normal by prompt covered"] += abs(rate - truth) <= reach
    return {name: total / draws for name, total in sums.items()}


_KEYS = "prompts answers df error levels binary"

CURVES = regimes(
    _KEYS,
    (10, 16, 3.0, 0.7, None, False),
    (30, 64, 2.0, 0.7, None, False),
    (12, 64, math.inf, 1.0, 4, False),
    (20, 64, 3.0, 0.7, 10, True),
    (10, 32, 3.0, 0.7, None, True),
    (15, 400, 3.0, 1.0, 5, True),
)

TURNS = regimes(
    _KEYS,
    (10, 64, 2.0, 0.7, None, False),
    (30, 100, 2.0, 0.7, None, True),
    (12, 64, math.inf, 1.0, 4, True),
    (15, 200, 2.0, 1.0, 10, False),
)

FLAT = regimes(
    "law prompts answers rate",
    ("useless", 6, 32, 0.5),
    ("useless", 10, 64, 0.05),
    ("useless", 30, 64, 0.9),
    ("skewed", 20, 64, None),
    ("levels", 12, 64, None),
    ("rises", 15, 200, None),
)

_WITH_REPLACEMENT = "the plug-in: best of n drawn with replacement, t by prompt"

CERTIFICATES: tuple[Certificate, ...] = (
    Certificate(
        "best-of-n-curve",
        "calibrant.judges.pressure.curve",
        "The gold of the best of n is covered at each n, and at all n at once by the band, at "
        "least 95 % of the time, with few prompts, heavy ties and errors with heavy tails.",
        CURVES,
        _curves,
        {"covered": Bound(low=0.95, slack=0.02), "band covered": Bound(low=0.95, slack=0.03)},
        {
            "with replacement": _WITH_REPLACEMENT,
            "first n": "the best of the first n answers in the file, t by prompt",
            "t band": "t intervals at each n, read as a band",
        },
    ),
    Certificate(
        "turning-set",
        "calibrant.judges.pressure.turning",
        "The n at which gold is highest lies in the set at least 95 % of the time.",
        TURNS,
        _turns,
        {"holds the best n": Bound(low=0.95, slack=0.01)},
        {
            "argmax": "the n at the top of the curve",
            "bootstrap of the argmax": "2.5 to 97.5 % of its bootstrap over prompts",
        },
    ),
    Certificate(
        "overoptimisation",
        "calibrant.judges.pressure.turning",
        "Where gold never falls, a fall is claimed at most 5 % of the time, for a useless judge, "
        "rare events, skewed gold and heavy ties. Power is shown in the last two.",
        FLAT,
        _declines,
        {"alarm": Bound(high=0.05, slack=0.005), "alarm anywhere": Bound(high=0.05, slack=0.01)},
        {
            "peak against last": "a paired t test of the highest point against the largest n",
            "lower than its peak": "the curve ends below its highest point",
        },
        beyond=regimes(
            "law prompts answers rate", ("turns", 15, 200, None), ("turns", 40, 200, None)
        ),
    ),
    Certificate(
        "gao-fit",
        "calibrant.judges.pressure.fit",
        "Where d(α - βd) is true, α, β and the peak are covered at least 95 % of the time, and "
        "the form is rejected at most 5 % of the time.",
        regimes(
            "prompts noise", (8, "normal"), (15, "normal"), (40, "normal"), (15, "exponential")
        ),
        _fits,
        {
            "alpha covered": Bound(low=0.95, slack=0.02),
            "beta covered": Bound(low=0.95, slack=0.02),
            "peak covered": Bound(low=0.95, slack=0.02),
            "misfit alarm": Bound(high=0.05, slack=0.02),
        },
        {
            "curve_fit": "`scipy.optimize.curve_fit` on the mean curve",
            "independent n": "weights 1/error² at each n, n taken as independent",
        },
    ),
    Certificate(
        "null-win-rate",
        "calibrant.judges.pressure.null_answers",
        "The win rate of a null answer is covered at least 95 % of the time for any number of "
        "prompts.",
        regimes(
            "prompts answers null_at", (6, 4, 0.0), (20, 8, -2.5),
            (50, 1, 1.5), (30, 20, 0.5),
        ),
        _nulls,
        {"covered": Bound(low=0.95)},
        {
            "all pairs": "Wilson, every comparison with a real answer taken as independent",
            "normal by prompt": "mean over prompts ± 1.96 standard errors",
        },
        batch_draws=125,
    ),
)  # fmt: skip
