"""Is a forecast withheld when it should be, and said when it may be? Certificates of `forecast`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import optimize, special

from calibrant.scaling.backtests.gate import judge, mid_p
from calibrant.scaling.scores import Floats, Names, Scores, scores
from calibrant.scaling.stacking.against import against
from calibrant.scaling.stacking.weights import mixture_log_density, stack
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes
from calibrant.stats.comparisons.paired import paired_t

_SHARES = {"calibrated": None, "three quarters": 0.75, "one half": 0.5}


def _families(regime: Regime, rng: np.random.Generator) -> Names:
    count, size = int(regime["families"]), int(regime["each"])
    unequal = bool(regime.get("unequal"))
    sizes = 1 + rng.geometric(1 / size, count) if unequal else np.full(count, size)
    return np.repeat(np.array([f"f{i}" for i in range(count)]), sizes)


def _noise(regime: Regime, family: Names, rng: np.random.Generator) -> Floats:
    """Standard normal errors, alike within families, and in all of them by a shared shock."""
    _, group = np.unique(family, return_inverse=True)
    alike, shared = float(regime["alike"]), float(regime.get("shared", 0.0))
    own = rng.normal(size=family.size) * (1 - alike) ** 0.5
    own += rng.normal(size=group.max() + 1)[group] * alike**0.5
    return np.asarray(own * (1 - shared) ** 0.5 + rng.normal() * shared**0.5)


def _gate(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    level = float(regime["level"])
    q = float(special.ndtri((1 + level) / 2))
    count: dict[str, float] = {}
    for name, share in _SHARES.items():
        # Errors of the same shape, so much larger than thought that fewer are held.
        wide = 1.0 if share is None else q / float(special.ndtri((1 + share) / 2))
        for _ in range(draws):
            family = _families(regime, rng)
            z = _noise(regime, family, rng) * wide
            held = np.abs(z) <= q
            found = judge(held, special.ndtr(z), family, level)
            n, missed = held.size, float((~held).sum())
            passes = {
                "": found.verdict == "held",
                "independent ": mid_p(missed, n, level) >= 0.1,
                "face value ": held.mean() >= level - 0.05,
            }
            for who, passed in passes.items():
                key = f"{who}{name} withheld" if share is None else f"{who}{name} said"
                count[key] = count.get(key, 0.0) + (not passed if share is None else passed)
            few = f"{name} too few"
            count[few] = count.get(few, 0.0) + (found.verdict == "too few")
    return {k: v / draws for k, v in count.items()}


def _beats(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Two models equally good on the whole, whose errors are alike within families."""
    count = dict.fromkeys(("equal beats", "better by a nat beats", "t-test equal beats",
                           "family t equal beats"), 0)  # fmt: skip
    spread = float(regime["spread"])
    for _ in range(draws):
        family = _families(regime, rng)
        z = _noise(regime, family, rng)
        if spread == 1:
            # One errs to one side and one to the other; which is better changes with the family.
            a, b = (-0.5 * (z - s) ** 2 for s in (-0.5, 0.5))
        else:
            # One is too narrow, mostly better and at times far worse; or it meets such a rival.
            a, b = (-0.5 * (z / s) ** 2 - np.log(s) for s in (spread, _as_good(spread)))
        count["equal beats"] += against("b", a, b, family).beats
        count["better by a nat beats"] += against("b", a + 1.0, b, family).beats
        d = a - b
        t = d.mean() / (d.std(ddof=1) / d.size**0.5)
        count["t-test equal beats"] += bool(t > special.stdtrit(d.size - 1, 0.95))
        count["family t equal beats"] += paired_t(d, list(family), level=0.9).interval.low > 0
    return {k: v / draws for k, v in count.items()}


def _as_good(spread: float) -> float:
    """The other spread of normal forecasts that has the same mean log score, if the truth is 1."""
    same = -np.log(spread) - 0.5 / spread**2
    ends = (1.0, 100.0) if spread < 1 else (0.01, 1.0)
    return float(optimize.brentq(lambda s: -np.log(s) - 0.5 / s**2 - same, *ends))


def _stacking(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Weights from few outcomes, judged on many new ones of new families."""
    ours, winner, equal, near, regret, lost = 0, 0, 0, 0, 0.0, 0.0
    spread = np.array(regime["spreads"], dtype=float)
    place = np.array(regime["places"], dtype=float)
    for _ in range(draws):
        family = _families(regime, rng)
        seen = _log_scores(_noise(regime, family, rng), place, spread)
        new = _log_scores(rng.normal(size=4000), place, spread)
        share = stack(seen, family)
        single = new.mean(axis=1)
        told = float(mixture_log_density(new, share).mean())
        alike = float(mixture_log_density(new, np.full(spread.size, 1 / spread.size)).mean())
        picked = float(single[np.argmax(seen.mean(axis=1))])
        best = float(single.max())
        ours += told >= best - 0.15
        winner += picked >= best - 0.15
        equal += alike >= best - 0.15
        near += told >= alike - 0.05
        regret += max(best - told, 0.0)
        lost += max(best - picked, 0.0)
    return {
        "within 0.15 nats of the best": ours / draws,
        "not worse than equal weights": near / draws,
        "nats lost": regret / draws,
        "winner within 0.15 nats of the best": winner / draws,
        "winner nats lost": lost / draws,
        "equal within 0.15 nats of the best": equal / draws,
    }


def _log_scores(y: Floats, place: Floats, spread: Floats) -> Floats:
    z = (y - place[:, None]) / spread[:, None]
    return np.asarray(-0.5 * z * z - np.log(spread[:, None]) - 0.9189385332046727)


def _world(regime: Regime, rng: np.random.Generator) -> tuple[Scores, Scores]:
    """Subjects of families along compute, and the next ones of theirs, with their outcomes."""
    count = int(regime["families"])
    ability = rng.normal(size=count) * 0.4
    start = rng.uniform(20.0, 22.0, count)
    family = np.repeat(np.arange(count), 5)
    scale = start[family] + np.tile(np.linspace(0, 2.4, 5), count)
    last = np.arange(count)
    scale, family = np.append(scale, np.full(count, 24.6)), np.append(family, last)
    x = 0.9 * (scale - 22.5)
    kind = regime["world"]
    if kind == "broken":
        # Growth ends at a scale that the past has gone beyond.
        x = np.where(scale > 22.6, 0.9 * 0.1 + 0.1 * (scale - 22.6), x)
    if kind == "accelerating":
        # Growth that gets faster all the time: no cut of the past foretells the next.
        x = 0.5 * (scale - 22.5) + 0.45 * np.maximum(scale - 22.0, 0) ** 2 - 1.5
    if kind == "hidden":
        # A mode that shows only beyond everything that is known.
        x = np.where(scale > 24.45, x - 3.0, x)
    noise = rng.normal(size=scale.size) * 0.25
    y = special.expit(x + ability[family] + noise)
    made = scores(y, scale, family=np.array([f"f{i}" for i in family]))
    known = np.arange(scale.size) < 5 * count
    return made.take(known), made.take(~known)


def _said(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """The verb from end to end, with three models that are quickly fitted."""
    from calibrant.scaling.curves.forecasters import FORECASTERS
    from calibrant.scaling.forecast import forecast

    names = ("persistence", "pooled log-odds line", "family log-odds lines")
    zoo = [f for f in FORECASTERS if f.name in names]
    said, held, all_held, trend, missed = [], [], [], [], []
    for _ in range(draws):
        known, later = _world(regime, rng)
        asked = _with(known, later)
        found = forecast(asked, cut="rolling:3", zoo=zoo, seed=int(rng.integers(1 << 31)))
        assert found.predictive is not None
        low, high = found.predictive.interval(0.9)
        inside = (low <= later.score) & (later.score <= high)
        speaks = np.array([w is None for w in found.why])
        said.append(bool(speaks.any()))
        missed.append((speaks & ~inside).mean())
        all_held.append(inside.mean())
        if speaks.any():
            held.append(inside[speaks].mean())
        trend.append(_trend(known, later))
    return {
        "said": float(np.mean(said)),
        "said and missed": float(np.mean(missed)),
        "held where said": float(np.mean(held)) if held else 1.0,
        "held with no rule": float(np.mean(all_held)),
        "trend held": float(np.mean(trend)),
    }


def _with(known: Scores, later: Scores) -> Scores:
    from calibrant.scaling.asked import hidden, joined_rows

    return joined_rows([known, hidden(later)], known)


def _trend(known: Scores, later: Scores) -> float:
    from calibrant.scaling.backtests.peers import trend_interval

    low, high = trend_interval(known.scale, known.score, later.scale, 0.9)
    return float(((low <= later.score) & (later.score <= high)).mean())


CERTIFICATES = (
    Certificate(
        "forecast-gate",
        "calibrant.scaling.backtests.gate.judge",
        "A forecaster that keeps its promise is withheld in at most one of eight back-tests; one "
        "that covers a half instead passes in at most one of ten.",
        regimes(
            "families each alike level unequal",
            (9, 1, 0.0, 0.9, False),
            (12, 1, 0.0, 0.9, False),
            (40, 1, 0.0, 0.9, False),
            (14, 2, 0.5, 0.9, False),
            (14, 2, 0.9, 0.9, False),
            (8, 5, 0.8, 0.9, True),
            (20, 4, 0.5, 0.9, True),
            (14, 3, 0.5, 0.8, False),
            (14, 3, 0.5, 0.95, False),
        ),
        _gate,
        {"calibrated withheld": Bound(high=0.125), "one half said": Bound(high=0.1)},
        peers={
            "independent": "the same rule, with every outcome taken as independent",
            "face value": "trust if the observed share is at most .05 below the promise",
        },
        beyond=(
            {"families": 14, "each": 2, "alike": 0.5, "level": 0.9, "shared": 0.5},
            {"families": 6, "each": 2, "alike": 0.5, "level": 0.9},
        ),
    ),
    Certificate(
        "forecast-beats",
        "calibrant.scaling.stacking.against.against",
        "A model as good as its rival is said to beat it in at most one of ten back-tests, also "
        "where it is too narrow: mostly better, and now and then far worse.",
        regimes(
            "families each alike spread unequal",
            (8, 1, 0.0, 1.0, False),
            (14, 2, 0.5, 1.0, False),
            (14, 16, 0.6, 1.0, False),
            (20, 8, 0.8, 1.0, True),
            (14, 16, 0.6, 0.7, False),
            (20, 8, 0.8, 0.5, False),
            (14, 16, 0.6, 1.6, False),
        ),
        _beats,
        {"equal beats": Bound(high=0.1)},
        beyond=({"families": 8, "each": 4, "alike": 0.5, "spread": 0.5, "unequal": False},),
        peers={
            "t-test": "a paired t test of all outcomes, families ignored",
            "family t": "a paired t test robust to families (Bell and McCaffrey)",
        },
    ),
    Certificate(
        "forecast-stacking",
        "calibrant.scaling.stacking.weights.stack",
        "Weights learnt from a few families come within 0.15 nats of the best single model in "
        "nine of ten cases, and seldom lose more than 0.05 against equal weights.",
        regimes(
            "families each alike places spreads",
            (8, 2, 0.5, (0.0, 1.0, -1.0), (1.0, 1.0, 1.0)),
            (14, 2, 0.5, (0.0, 0.0, 0.0, 2.0), (1.0, 2.5, 0.4, 1.0)),
            (20, 8, 0.6, (0.5, -0.5, 3.0), (1.0, 1.0, 1.0)),
        ),
        _stacking,
        {
            "within 0.15 nats of the best": Bound(low=0.9),
            "not worse than equal weights": Bound(low=0.9),
        },
        peers={
            "winner": "the model with the best mean log score takes all",
            "equal": "equal weights",
        },
    ),
    Certificate(
        "forecast-said",
        "calibrant.scaling.forecast.forecast",
        "In worlds that go on as they did, or whose growth ended within the known past, at most "
        "one in ten of the forecasts asked for is said with a 90 % interval and missed, and what "
        "is said is held in at least .85.",
        regimes("world families", ("smooth", 12), ("broken", 12)),
        _said,
        {"said and missed": Bound(high=0.1), "held where said": Bound(low=0.85)},
        peers={"trend": "the t interval of a straight line through every score"},
        batch_draws=25,
    ),
    Certificate(
        "forecast-silent",
        "calibrant.scaling.forecast.forecast",
        "In a world that no model fits, as growth gets faster all the time, at most a quarter of "
        "the forecasts asked for is said and missed; the rest is withheld.",
        regimes("world families", ("accelerating", 12)),
        _said,
        {"said and missed": Bound(high=0.25)},
        peers={"trend": "the t interval of a straight line through every score"},
        beyond=({"world": "hidden", "families": 12},),
        batch_draws=25,
    ),
)
"""The rule that withholds, its parts, and the whole of it in worlds that are made."""
