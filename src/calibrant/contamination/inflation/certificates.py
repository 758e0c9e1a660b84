"""Does the score without exposure lie in its interval, and how often is inflation cried in vain?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr, ndtri, stdtr, stdtrit

from calibrant.contamination.inflation.benchmarks import Panel, predict
from calibrant.contamination.inflation.curve import logits
from calibrant.contamination.inflation.items import fit_items, placebos
from calibrant.contamination.inflation.twins import estimate_twins, p_value
from calibrant.errors import InputError
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes

Floats = NDArray[np.float64]


def twins_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage of inflation and of the score without exposure, and false alarms without any."""
    n, rate, same, plant = (regime[k] for k in ("items", "rate", "alike", "inflation"))
    size, shift = int(regime["cluster"]), float(regime["mismatch"])
    sums = dict.fromkeys(
        ("covered", "score covered", "alarm", "wald covered", "independent covered", "width"), 0.0
    )
    for _ in range(draws):
        x, y, unit = draw_twins(rng, n, rate, same, plant, size, shift)
        _, ends, without = estimate_twins(x, y, unit, 0.95, abs(shift))
        sums["covered"] += ends[0] <= plant <= ends[1]
        sums["score covered"] += without[0] <= rate <= without[1]
        sums["width"] += ends[1] - ends[0]
        if plant == 0:
            sums["alarm"] += p_value(x, y, unit, abs(shift)) <= 0.05
        d = x - y
        wide = 1.96 * float(d.std()) / n**0.5
        sums["wald covered"] += abs(d.mean() - plant) <= wide
        wide = 1.96 * ((x.var() + y.var()) / n) ** 0.5
        sums["independent covered"] += abs(d.mean() - plant) <= wide
    return {name: value / draws for name, value in sums.items()}


def draw_twins(
    rng: np.random.Generator,
    n: int,
    rate: float,
    same: float,
    plant: float,
    size: int,
    shift: float,
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Scores of published items and their twins, with a mean of `rate` without exposure.

    Args:
        same: correlation, on the normal scale, of items of a pair, and of pairs of a cluster.
        plant: share of all items that exposure turns from wrong into right, on average.
        shift: twins are harder by so much.
    """
    unit = np.arange(n) // size
    shared = rng.standard_normal(unit[-1] + 1)[unit] if size > 1 else rng.standard_normal(n)

    def answers(mean: float) -> Floats:
        latent = same**0.5 * shared + (1 - same) ** 0.5 * rng.standard_normal(n)
        right: Floats = (latent < ndtri(mean)).astype(np.float64)
        return right

    x, y = answers(rate), answers(rate - shift)
    if plant:
        x = np.maximum(x, rng.random(n) < plant / (1 - rate))
    return x, y, unit


def panel(regime: Regime, rng: np.random.Generator) -> Panel:
    """A subject (first) and its reference subjects, none of them exposed."""
    families, size = int(regime["families"]), int(regime["size"])
    many = families * size
    kin = np.repeat(rng.standard_normal(families), size)
    half = 0.5 if size > 1 else 1.0
    ability = np.sqrt(half) * kin + np.sqrt(1 - half) * rng.standard_normal(many)
    own = rng.standard_normal() if regime["ability"] is None else regime["ability"]
    theta = np.concatenate([[own], ability])
    taste = np.repeat(rng.standard_normal(families), size)
    taste = np.sqrt(0.7) * taste + np.sqrt(0.3) * rng.standard_normal(many) if size > 1 else taste
    off = float(regime["spread"]) * np.concatenate([[rng.standard_normal()], taste])
    if regime["curve"] == "uneven":  # weak subjects differ more
        off = off * expit(-1.5 * theta) * 2
    z = CURVES[regime["curve"]](theta) + off
    chance = expit(z[:, None] - rng.normal(0.5, 1.5, regime["items"]))
    if regime["curve"] == "guessing":
        chance = 0.25 + 0.75 * chance
    there = expit(theta[:, None] - rng.normal(0, 1.5, regime["reference"]))
    names = ("s", *(f"r{i}" for i in range(many)))
    family = ("own", *(f"f{i // size}" for i in range(many)))
    return Panel(
        names, family, (rng.random(chance.shape) < chance).astype(float),
        (rng.random(there.shape) < there).astype(float),
    )  # fmt: skip


CURVES = {
    "line": lambda t: t,
    "steep": lambda t: 2 * t,
    "bent": lambda t: t + 0.2 * t**2,
    "flattens": lambda t: 1.5 * np.tanh(t),
    "floor": lambda t: 1.2 * np.maximum(t, -0.5),
    "uneven": lambda t: t,
    "guessing": lambda t: t,
}
"""Abilities here as functions of abilities on the reference benchmark, in logits."""


def benchmarks_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """False alarms and coverage without inflation; abilities out of range are drawn again."""
    sums = dict.fromkeys(
        ("alarm", "alarm at 1 %", "covered", "width", "finds +0.1", "finds +0.2", "means alarm",
         "constat alarm", "line alarm"), 0.0,
    )  # fmt: skip
    for k in range(draws):
        while True:
            data = panel(regime, rng)
            try:
                found = predict(data)
                break
            except InputError:
                continue  # refused, as it should be
        low, high = found.limits(0.95)
        y = data.here.mean(1)
        sums["alarm"] += found.p <= 0.05
        sums["alarm at 1 %"] += found.p <= 0.01
        sums["covered"] += low <= y[0] <= high
        sums["width"] += high - low
        for plus in (0.1, 0.2):
            planted = logits(np.minimum(y[:1] + plus, 1.0), found.items)
            t = (found.expected - float(planted[0])) / found.error
            sums[f"finds +{plus:g}"] += float(stdtr(found.curve.df, t)) <= 0.05
        sums["means alarm"] += _means(data) <= 0.05
        sums["line alarm"] += _line(data) <= 0.05
        if k % 5 == 0:  # the bootstrap takes its time
            sums["constat alarm"] += 5 * (_constat(data, rng) <= 0.05)
    return {name: value / draws for name, value in sums.items()}


def _means(data: Panel) -> float:
    """The difference of the two benchmarks' means, as if they were equally difficult."""
    a, b = data.here[0], data.there[0]
    error = (a.var() / a.size + b.var() / b.size) ** 0.5
    return float(ndtr((b.mean() - a.mean()) / max(error, 1e-9)))


def _line(data: Panel) -> float:
    """Least squares of raw scores, and whether the subject's residual is large for the others'."""
    x, y = data.there.mean(1), data.here.mean(1)
    slope, base = np.polyfit(x[1:], y[1:], 1)
    rest = y - base - slope * x
    return float(ndtr(-rest[0] / rest[1:].std(ddof=2)))


def _constat(data: Panel, rng: np.random.Generator, draws: int = 60) -> float:
    """ConStat's p-value: items and subjects resampled, both means sorted, a smoothing spline.

    The share of bootstrap differences reflected about their mean that lie at or below 0.
    """
    (many, n), m = data.here[1:].shape, data.there.shape[1]
    apart = []
    for _ in range(draws):
        i, j, who = rng.integers(0, n, n), rng.integers(0, m, m), rng.integers(0, many, many) + 1
        x, first = np.unique(np.sort(data.there[who][:, j].mean(1)), return_index=True)
        y = np.sort(data.here[who][:, i].mean(1))[first]
        if x.size < 5:
            continue
        guess = float(np.clip(_spline(x, y, float(data.there[0, j].mean())), 0, 1))
        apart.append(float(data.here[0, i].mean()) - guess)
    mean = float(np.mean(apart))
    return float(np.mean(2 * mean - np.asarray(apart) < 0))


def _spline(x: Floats, y: Floats, at: float) -> float:
    """A cubic smoothing spline by generalised cross-validation (Reinsch's form), at one place."""
    h = np.diff(x)
    q = np.zeros((x.size, x.size - 2))
    k = np.arange(x.size - 2)
    q[k, k], q[k + 1, k], q[k + 2, k] = 1 / h[:-1], -1 / h[:-1] - 1 / h[1:], 1 / h[1:]
    r = np.diag((h[:-1] + h[1:]) / 3) + np.diag(h[1:-1] / 6, 1) + np.diag(h[1:-1] / 6, -1)
    values, vectors = np.linalg.eigh(q @ np.linalg.solve(r, q.T))
    values, turned = np.maximum(values, 0.0), vectors.T @ y
    grid = np.geomspace(1e-7, 10, 40)[:, None]
    shrink = 1 / (1 + grid * values)
    score = (((1 - shrink) * turned) ** 2).sum(1) / ((1 - shrink).sum(1) + 1e-12) ** 2
    fit = vectors @ (shrink[int(np.argmin(score))] * turned)
    return float(np.interp(at, x, fit))


def items_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage of the inflation by exposed items, of the score without it, and false alarms."""
    n, many, gap, plant = (regime[k] for k in ("items", "subjects", "easier", "right"))
    size, share = int(regime["cluster"]), float(regime["exposed"])
    names = ("covered", "score covered", "alarm", "raw covered", "clean covered", "placebo width")
    sums = dict.fromkeys(names, 0.0)
    for _ in range(draws):
        unit = np.arange(n) // size
        seen = (rng.random(unit[-1] + 1) < share)[unit]
        seen[:size], seen[-size:] = True, False
        hard = rng.normal(0, 1.2, n) - gap * seen
        hard = hard + 0.7 * rng.standard_normal(unit[-1] + 1)[unit] * (size > 1)
        theta = np.concatenate([[regime["ability"]], rng.normal(0, 0.8, many)])
        taste = float(regime["taste"]) * rng.standard_normal(many + 1)
        chance = expit(theta[:, None] - hard + taste[:, None] * seen)
        scores = (rng.random(chance.shape) < chance).astype(float)
        clean = scores[0].copy()
        scores[0] = np.maximum(clean, seen & (rng.random(n) < plant))
        true = float((scores[0] - clean)[seen].mean())
        fit = fit_items(scores[0], seen, unit, scores[1:])
        apart, _ = placebos(scores[1:], seen, unit, [str(j) for j in range(many)])
        error = (fit.error**2 + apart**2) ** 0.5
        df = fit.df if not apart else min(fit.df, many - 1.0)
        reach = -float(stdtrit(df, 0.025))
        sums["covered"] += abs(fit.effect - true) <= reach * error
        wide = reach * (fit.without_error**2 + (seen.mean() * apart) ** 2) ** 0.5
        sums["score covered"] += abs(fit.without - clean.mean()) <= wide
        if plant == 0:
            sums["alarm"] += fit.effect / error >= -float(stdtrit(df, 0.05))
        a, b = scores[0][seen], scores[0][~seen]
        raw = 1.96 * (a.var() / a.size + b.var() / b.size) ** 0.5
        sums["raw covered"] += abs(a.mean() - b.mean() - true) <= raw
        sums["clean covered"] += abs(b.mean() - clean.mean()) <= 1.96 * (b.var() / b.size) ** 0.5
        sums["placebo width"] += apart
    return {name: value / draws for name, value in sums.items()}


_PANEL = "families size items reference spread curve ability"

CERTIFICATES = (
    Certificate(
        name="inflation-twins",
        method="calibrant.contamination.twin_inflation",
        statement="95 % intervals of inflation by secret twins, and of the score without exposure, "
        "cover; without inflation p ≤ .05 in at most 5 %.",
        regimes=regimes(
            "items rate alike inflation cluster mismatch",
            (30, 0.9, 0.3, 0.0, 1, 0.0), (50, 0.5, 0.5, 0.2, 1, 0.0), (100, 0.98, 0.5, 0.0, 1, 0.0),
            (200, 0.3, 0.7, 0.1, 1, 0.0), (200, 0.05, 0.3, 0.0, 1, 0.0),
            (120, 0.5, 0.4, 0.0, 4, 0.0), (200, 0.7, 0.4, 0.1, 5, 0.0),
            (200, 0.5, 0.5, 0.0, 1, 0.03), (200, 0.5, 0.5, 0.1, 1, -0.03),
        ),
        beyond=regimes("items rate alike inflation cluster mismatch", (24, 0.5, 0.6, 0.0, 4, 0.0)),
        batch=twins_batch,
        bounds={"covered": Bound(low=0.95), "score covered": Bound(low=0.95, slack=0.01),
                "alarm": Bound(high=0.05)},
        peers={"wald": "the mean difference ± 1.96 standard errors, items independent",
               "independent": "two unpaired means and their standard errors"},
    ),
    Certificate(
        name="inflation-benchmarks",
        method="calibrant.contamination.benchmark_inflation",
        statement="A subject without inflation gets p ≤ .05 in at most 5 %, and a 95 % interval "
        "for its score without exposure that covers: with few reference subjects, families, bent "
        "and flattening curves, guessing, unequal variances, few items, and near the ends.",
        regimes=regimes(
            _PANEL,
            (8, 1, 200, 200, 0.25, "line", None), (12, 1, 200, 200, 0.25, "line", None),
            (30, 1, 200, 200, 0.25, "line", None), (60, 1, 200, 200, 0.25, "line", None),
            (8, 4, 200, 200, 0.25, "line", None), (12, 5, 200, 200, 0.25, "line", None),
            (30, 1, 200, 200, 0.0, "line", None), (30, 1, 200, 200, 0.6, "line", None),
            (30, 1, 200, 40, 0.25, "line", None), (30, 1, 50, 200, 0.25, "line", None),
            (30, 1, 200, 50, 0.25, "line", 1.3), (30, 1, 200, 200, 0.25, "steep", None),
            (30, 1, 200, 200, 0.25, "bent", None), (12, 1, 200, 200, 0.25, "bent", None),
            (30, 1, 200, 200, 0.25, "flattens", None), (30, 1, 200, 200, 0.25, "floor", None),
            (30, 1, 200, 200, 0.25, "guessing", None), (30, 1, 200, 200, 0.3, "uneven", None),
        ),
        beyond=regimes(
            _PANEL,
            (30, 1, 200, 200, 0.25, "bent", 1.6), (30, 1, 200, 200, 0.6, "uneven", -1.5),
            (30, 1, 1000, 1000, 0.1, "floor", -0.5),
        ),
        batch=benchmarks_batch,
        bounds={"alarm": Bound(high=0.05, slack=0.01), "covered": Bound(low=0.95, slack=0.01)},
        peers={"means": "the difference of the two benchmarks' means (z test)",
               "line": "least squares on raw scores, the residual beside the others' (z)",
               "constat": "ConStat's bootstrap and spline (60 draws, every fifth data set)"},
    ),
    Certificate(
        name="inflation-items",
        method="calibrant.contamination.item_inflation",
        statement="95 % intervals of the inflation of exposed items, and of the score without it, "
        "cover when exposed items are easier, in clusters, for weak and strong subjects and when "
        "subjects differ in what they find easy; without inflation p ≤ .05 in at most 5 %.",
        regimes=regimes(
            "items subjects exposed easier right cluster ability taste",
            (200, 20, 0.3, 0.0, 0.0, 1, 0.0, 0.0), (200, 20, 0.3, 0.7, 0.0, 1, 0.0, 0.0),
            (200, 20, 0.3, 0.7, 0.5, 1, 0.0, 0.0), (400, 8, 0.5, 0.7, 0.3, 1, 0.0, 0.0),
            (100, 20, 0.2, -0.5, 0.0, 1, 0.0, 0.0), (200, 20, 0.3, 0.5, 0.0, 1, 1.0, 0.0),
            (200, 20, 0.3, 0.5, 0.0, 1, -1.0, 0.0), (300, 20, 0.3, 0.5, 0.3, 5, 0.0, 0.0),
            (200, 20, 0.3, 0.5, 0.0, 1, 0.0, 0.3), (400, 20, 0.5, 0.5, 0.3, 1, 0.0, 0.5),
        ),
        beyond=regimes(
            "items subjects exposed easier right cluster ability taste",
            (400, 20, 0.5, 2.0, 0.0, 1, 2.0, 0.0),
        ),
        batch=items_batch,
        bounds={"covered": Bound(low=0.95, slack=0.015),
                "score covered": Bound(low=0.95, slack=0.01),
                "alarm": Bound(high=0.05, slack=0.015)},
        peers={"raw": "exposed minus unexposed scores ± 1.96 standard errors",
               "clean": "exposed items dropped: the score on the others ± 1.96 standard errors"},
    ),
)  # fmt: skip
"""What this part promises."""
