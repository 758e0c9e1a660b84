"""Is the metric or the ability blamed in vain, and do the ladder's intervals cover?"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from scipy import optimize, special

from calibrant.scaling.metrics.backtest import Tried, backtest, line
from calibrant.scaling.metrics.emergence import emergence, unforeseen
from calibrant.scaling.metrics.following import following, persistence
from calibrant.scaling.metrics.lines import cuts, foreseen, weights
from calibrant.scaling.metrics.rungs import Answers, Floats, chances, of_choices, rung
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes

Rng = np.random.Generator


def means(regime: Regime) -> Floats:
    """Log-odds of the right answer against the wrong ones, of an item of middle difficulty."""
    s = int(regime["subjects"])
    x = np.linspace(0, 1, s)
    kind = regime["world"]
    if kind == "odds":  # a straight line in log-odds
        return np.asarray(-7 + 9.5 * x)
    if kind == "power":  # loss falls as a power of compute
        loss = 9.0 * 0.02**x
        return np.asarray(-loss - np.log(-np.expm1(-loss)))
    if kind == "chance":
        return np.full(s, -special.logit(1 - 1 / 4))
    if kind in ("border", "border below"):
        return border(regime)[kind == "border below"]
    at = s - 2 if kind != "bend" else s - 3
    if kind == "bend":  # no jump: from there on it rises, where it did not before
        return np.asarray(-1.1 + 0.2 * x + 12 * np.maximum(x - x[at], 0))
    return np.asarray(-1.1 + 0.3 * x + 4.0 * (np.arange(s) >= at))  # "break"


def border(regime: Regime) -> tuple[Floats, Floats]:
    """A line with a jump after which a half of the rise was unforeseen: a little more, or less.

    On the scale of the fit on which the least was unforeseen; on the others it was more.
    """
    s, back = int(regime["subjects"]), int(regime.get("back", 3))
    x = np.linspace(0, 1, s)
    cut = next(c for c in cuts(x, 4, 2) if len(c[0]) == s - back)
    plain = {**regime, "world": "odds", "items": 3000, "noise": 0.0}

    def with_jump(by: float) -> Floats:
        return np.asarray(-4 + 4 * x + by * (np.arange(s) >= s - back))

    def least(by: float) -> float:
        many = drawn(plain, np.random.default_rng(5), fixed=with_jump(by))
        r, y, w = rung("log share"), many.values["log share"].mean(axis=1), foreseen(x, cut).w
        return min(1 - float(np.divide(*(w @ r.linked(y, link)))) for link in r.links)

    by = float(optimize.brentq(lambda by: least(by) - 0.5, 0.05, 4.0, xtol=1e-3))
    return with_jump(by * 1.01), with_jump(by * 0.99)


def drawn(
    regime: Regime, rng: Rng, items: int | None = None, fixed: Floats | None = None
) -> Answers:
    """Answers of subjects to four-choice items.

    Args:
        items: instead of those of the regime.
        fixed: means of the subjects, with their noise; drawn if None.
    """
    n = int(regime["items"]) if items is None else items
    mean, size = means(regime) if fixed is None else fixed, int(regime.get("cluster", 1))
    if fixed is None:
        mean = mean + regime["noise"] * rng.standard_normal(mean.size)
    own = rng.standard_normal(n)
    cluster = np.arange(n) // size
    if size > 1:
        own = 0.7 * rng.standard_normal(cluster[-1] + 1)[cluster] + 0.7 * own
    each = regime["spread"] * own + 0.3 * rng.standard_normal((mean.size, n))
    wrong = 0.5 * rng.standard_normal((n, 3)) + 0.2 * rng.standard_normal((mean.size, n, 3))
    wrong -= special.logsumexp(wrong, axis=-1, keepdims=True)
    logp = np.concatenate([(mean[:, None] + each)[..., None], wrong], axis=-1)
    logp -= special.logsumexp(logp, axis=-1, keepdims=True) + 0.5
    values = of_choices(logp, (4,))
    names = np.array([f"s{i}" for i in range(mean.size)])
    x = 20 + 3 * np.arange(mean.size) / (mean.size - 1)
    return Answers("m", names, x, cluster, values, chances(values, np.full(n, 4.0)), logp)


def verdicts(regime: Regime, rng: Rng, draws: int) -> Mapping[str, float]:
    """How often each verdict falls, which of them are wrong, and what people would say today."""
    wrong = {"odds": "ability", "power": "ability", "break": "metric", "bend": "metric",
             "border": "metric", "border below": "ability"}  # fmt: skip
    fixed = means(regime)
    found = dict.fromkeys(("wrong", "decided", "big-bench wrong", "r2 wrong"), 0.0)
    for _ in range(draws):
        noise = regime["noise"] * rng.standard_normal(fixed.size)
        answers = drawn(regime, rng, fixed=fixed + noise)
        says = emergence(answers, error=0.05).says
        world = regime["world"]
        few = int(regime["subjects"]) < 5
        jumped = says in ("metric", "ability")
        found["wrong"] += jumped if world == "chance" or few else says == wrong[world]
        found["decided"] += jumped
        share, right = (answers.values[r].mean(axis=1) for r in ("log share", "accuracy"))
        ability = _breakthrough(right) > 1
        found["big-bench wrong"] += ability if world != "break" else not ability
        smooth = np.corrcoef(answers.scale, share)[0, 1] ** 2 > 0.8
        found["r2 wrong"] += smooth if world in ("break", "bend", "chance") or few else not smooth
    return {name: value / draws for name, value in found.items()}


def _breakthrough(y: Floats) -> float:
    """BIG-bench's breakthroughness (Srivastava et al., 2022, appendix B), without its linearity."""
    step = np.diff(y)
    root = np.sqrt(np.median(step**2))
    rise = np.sign(np.argmax(y) - np.argmin(y)) * (y.max() - y.min())
    return float(rise / max(root, 1e-3) / len(y))


def shares(regime: Regime, rng: Rng, draws: int) -> Mapping[str, float]:
    """Coverage of the unforeseen share's interval where lines hold below the cut."""
    found = dict.fromkeys(("covered", "said", "normal covered"), 0.0)
    x = np.arange(float(regime["subjects"]))
    below, jump = int(regime["subjects"]) - 2, float(regime["jump"])
    line = -3 + 0.3 * x
    truth = line + jump * (x >= below)
    at = float(x[below:].mean())
    rise = truth[below:].mean() - line[below - 1]
    share = 1 - 0.3 * (at - x[below - 1]) / rise
    for _ in range(draws):
        g = truth + regime["noise"] * rng.standard_normal(x.size)
        y = {"margin": g[:, None]}
        answers = Answers("m", x.astype(str), x, np.zeros(1, np.int64), y, {"margin": 0.0})
        cut = next(c for c in cuts(x, 4, 2) if len(c[0]) == below)
        u = unforeseen(answers, "margin", "as it is", cut, 0.05, np.full(x.size, np.nan))
        found["covered"] += u.interval is None or u.interval[0] <= share <= u.interval[1]
        found["said"] += u.interval is not None
        w = weights(x[:below], at)
        wide = 1.645 * np.std(
            g[:below] - np.polyval(np.polyfit(x[:below], g[:below], 1), x[:below])
        )
        ends = 1 - (w @ g[:below] + np.array([wide, -wide]) - g[below - 1]) / (
            g[below:].mean() - g[below - 1]
        )
        found["normal covered"] += min(ends) <= share <= max(ends)
    return {name: value / draws for name, value in found.items()}


@lru_cache(maxsize=16)
def _true_skills(regime: tuple[tuple[str, Any], ...]) -> tuple[Floats, dict[str, Tried]]:
    """Means of the subjects, which are fixed, and what many items say of their skills."""
    at = dict(regime)
    rng = np.random.default_rng(7)
    mean = means(at) + at["noise"] * rng.standard_normal(int(at["subjects"]))
    many = drawn(at, np.random.default_rng(8), 20_000, mean)
    every = backtest(many, "log share", draws=0, level=0.9, seed=0)
    return mean, {t.rung: t for t in every}


def skills(regime: Regime, rng: Rng, draws: int) -> Mapping[str, float]:
    """Coverage, over draws of items for fixed subjects, of the intervals of the back-test."""
    names = ("log share", "accuracy", "pass^4")
    found: dict[str, float] = {}
    mean, truth = _true_skills(tuple(regime.items()))
    for _ in range(draws):
        answers = drawn(regime, rng, fixed=mean)
        every = backtest(answers, "log share", draws=100, level=0.9, seed=int(rng.integers(2**31)))
        told = {t.rung: t for t in every}
        for r in names:
            for kind in ("skill", "through"):
                ends, value = getattr(told[r], f"{kind}_interval"), getattr(truth[r], kind)
                # No interval claims nothing; how often there is one is measured, too.
                held = ends is None or ends[0] <= value <= ends[1]
                for key, got in (("covered", held), ("said", ends is not None)):
                    found[f"{r} {kind} {key}"] = found.get(f"{r} {kind} {key}", 0.0) + got
            low, high = _percentiles(answers, r, rng)
            key = f"bootstrap {r} skill covered"
            found[key] = found.get(key, 0.0) + bool(low <= truth[r].skill <= high)
    return {name: value / draws for name, value in found.items()}


def _percentiles(answers: Answers, name: str, rng: Rng) -> Floats:
    """The ordinary bootstrap of the skill of a rung's own lines: items redrawn one by one."""
    x, v = answers.scale, answers.values[name]
    n = v.shape[1]
    y = v @ rng.multinomial(n, np.full(n, 1 / n), size=200).T / n
    off, gone = np.zeros(200), np.zeros(200)
    for below, above in cuts(x):
        truth = y[above].mean(axis=0)
        off += (line(x[below], y[below].T, name, float(x[above].mean())) - truth) ** 2
        gone += (y[below[-1]] - truth) ** 2
    return np.asarray(np.quantile(1 - off / np.maximum(gone, 1e-300), (0.05, 0.95)))


def nexts(regime: Regime, rng: Rng, draws: int) -> Mapping[str, float]:
    """Coverage of 90 % intervals of the next subject at several rungs, and of persistence."""
    found: dict[str, float] = {}
    for _ in range(draws):
        every = drawn(regime, rng)
        known = Answers(
            "m", every.subject[:-1], every.scale[:-1], every.cluster,
            {r: v[:-1] for r, v in every.values.items()}, every.chance,
            None if every.logp is None else every.logp[:-1],
        )  # fmt: skip
        for r in ("log share", "accuracy"):
            truth = float(every.values[r][-1].mean())
            own = following(known, r, float(every.scale[-1]))[0]
            for name, told in ((r, own), (f"persistence {r}", persistence(known, r))):
                low, high = told.interval(0.9)
                key = f"{name} covered"
                found[key] = found.get(key, 0.0) + bool(low[0] <= truth <= high[0])
                if name == r:
                    size = rung(r).high - rung(r).low
                    wide = float(high[0] - low[0]) / (size if np.isfinite(size) else 1.0)
                    found[f"{r} width"] = found.get(f"{r} width", 0.0) + wide
    return {name: value / draws for name, value in found.items()}


CERTIFICATES: tuple[Certificate, ...] = (
    Certificate(
        "metrics-emergence",
        "metric_ladder",
        "Where accuracy jumps but the graded score goes on smoothly the ability is blamed in at "
        "most 5 %, and where the graded score itself breaks the metric is in at most 5 %, also at "
        "the border, where half of its rise was unforeseen; at chance or with fewer than five "
        "scales nothing is blamed in more than 5 %.",
        regimes(
            "world subjects items noise spread cluster back",
            ("odds", 6, 100, 0.1, 0.5, 1, 0), ("odds", 7, 100, 0.1, 0.5, 1, 0),
            ("odds", 8, 100, 0.4, 0.5, 5, 0), ("odds", 12, 100, 0.1, 1.0, 1, 0),
            ("power", 8, 100, 0.1, 0.5, 1, 0), ("power", 12, 100, 0.2, 1.0, 1, 0),
            ("break", 6, 100, 0.1, 1.0, 1, 0), ("break", 8, 100, 0.1, 0.5, 1, 0),
            ("break", 12, 100, 0.3, 1.0, 5, 0), ("border", 8, 100, 0.3, 0.5, 1, 4),
            ("border", 10, 100, 0.3, 0.5, 1, 4), ("border below", 8, 100, 0.1, 0.5, 1, 3),
            ("border below", 10, 100, 0.3, 0.5, 1, 4), ("chance", 6, 100, 0.1, 0.5, 1, 0),
            ("chance", 8, 100, 0.1, 0.5, 1, 0), ("odds", 4, 100, 0.1, 0.5, 1, 0),
        ),
        verdicts,
        {"wrong": Bound(high=0.05)},
        {
            "big-bench": "breakthroughness above the number of subjects is an emergent ability",
            "r2": "a straight line through the log share with R² above .8 is smooth",
        },
        beyond=regimes(
            "world subjects items noise spread cluster back",
            ("bend", 8, 100, 0.1, 0.5, 1, 0),
        ),
        batch_draws=50,
    ),
    Certificate(
        "metrics-unforeseen",
        "unforeseen",
        "90 % intervals of the unforeseen share of a rise cover where the scores below the cut lie "
        "about a straight line with equal normal errors, with two degrees of freedom and more.",
        regimes(
            "subjects noise jump",
            (6, 0.1, 0.0), (6, 0.1, 2.0), (8, 0.1, 0.0), (8, 0.2, 1.0), (12, 0.1, 0.3),
            (12, 0.5, 4.0), (20, 0.3, 1.0),
        ),
        shares,
        {"covered": Bound(low=0.9)},
        {"normal": "the line's forecast ± 1.645 standard deviations of its residuals"},
    ),
    Certificate(
        "metrics-skill",
        "metric_ladder",
        "90 % intervals of skill of the graded rung, of accuracy and of pass^4, of a rung's own "
        "lines and through the ladder, cover over draws of items or of their clusters, for the "
        "subjects tested.",
        regimes(
            "world subjects items noise spread cluster",
            ("odds", 6, 60, 0.3, 1.0, 1), ("power", 6, 80, 0.1, 1.0, 4),
            ("odds", 5, 100, 0.1, 0.5, 1), ("break", 8, 100, 0.1, 0.5, 1),
        ),
        skills,
        {
            f"{r} {kind} covered": Bound(low=0.9, slack=0.02)
            for r in ("log share", "accuracy", "pass^4")
            for kind in ("skill", "through")
        },
        {"bootstrap": "percentiles of the skill of a rung's own lines, items redrawn"},
        beyond=regimes(
            "world subjects items noise spread cluster",
            ("odds", 10, 40, 0.3, 1.0, 1),
        ),
        batch_draws=25,
    ),
    Certificate(
        "metrics-next",
        "following",
        "90 % intervals of the next subject's scores cover in at least 87 % where the graded "
        "score is straight in log compute on one of the scales of the fit.",
        regimes(
            "world subjects items noise spread",
            ("odds", 6, 100, 0.1, 0.5), ("odds", 8, 100, 0.3, 1.0),
            ("power", 8, 100, 0.1, 0.5), ("chance", 8, 100, 0.1, 1.0),
        ),
        nexts,
        {f"{r} covered": Bound(low=0.87) for r in ("log share", "accuracy")},
        {"persistence": "the last value again, as far off as neighbours have been"},
        beyond=regimes(
            "world subjects items noise spread", ("bend", 8, 100, 0.1, 0.5),
        ),
        batch_draws=50,
    ),
)  # fmt: skip
