"""Are the posteriors of the hierarchical model right? Simulation-based calibration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import betaincinv, ndtri, stdtrit

from calibrant.stats.certificates import Bound, Certificate, Regime
from calibrant.stats.certificates.peers import around, held, stderr
from calibrant.stats.hierarchical.calibration import layout, simulated_ranks
from calibrant.stats.hierarchical.model import Model

DRAWS = 99
"""Posterior draws that a true value is ranked among: 100 possible ranks."""


PEERS = {
    "all-trials normal": "lm-eval and Inspect `stderr()`, ± 1.645: every trial on its own",
    "item-means t": "Student's t over item means (over cluster means, with clusters)",
    "no pooling": "Jeffreys' interval of the subject's own trials (of normal scores: t)",
    "complete pooling": "the same of all subjects' trials together",
}
"""For the rate of the first subject on the first instrument; central 90 % intervals."""


def usual(model: Model, truth: float) -> dict[str, float]:
    """Whether what people use today covers the true rate at 90 %, and how wide it is."""
    mine = (model.subject == model.subject[0]) & (model.instrument == model.instrument[0])
    cluster = model.term("cluster")
    group = model.item if cluster is None else cluster.codes
    n, total = (np.bincount(group[mine], x[mine]) for x in (model.n, model.total))
    means = total[n > 0] / n[n > 0]
    z, t = -float(ndtri(0.05)), -float(stdtrit(means.size - 1, 0.05))
    limits = {"item-means t": around(means.mean(), t * stderr(means))}
    for name, cells in (("no pooling", mine), ("complete pooling", np.full(mine.size, True))):
        size, mean, error = _all_trials(model, cells)
        if name == "no pooling":
            limits["all-trials normal"] = around(mean, z * error)
        if model.family == "binomial":
            k = mean * size
            ends = betaincinv(k + 0.5, size - k + 0.5, [0.05, 0.95])
            limits[name] = ends[0], ends[1]
        else:
            limits[name] = around(mean, -stdtrit(size - 1, 0.05) * error)
    found = {f"{name} covered90": held(truth, ends) for name, ends in limits.items()}
    return found | {f"{name} width90": float(b - a) for name, (a, b) in limits.items()}


def _all_trials(model: Model, cells: Any) -> tuple[float, float, float]:
    """Number, mean and standard error of the trials in some cells, as if independent."""
    size = float(model.n[cells].sum())
    mean = float(model.total[cells].sum()) / size
    if model.family == "binomial":
        return size, mean, float(np.sqrt(mean * (1 - mean) / (size - 1)))
    n = model.n[cells]
    square = model.square[cells] + n * (model.total[cells] / n - mean) ** 2
    return size, mean, float(np.sqrt(square.sum() / (size - 1) / size))


def calibration_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Coverage of central 50 % and 90 % intervals, and ranks in the lowest tenth, by quantity."""
    found = simulated_ranks(layout(**regime), rng, draws, draws=DRAWS, also=usual)
    statistics = {"divergent": found.divergent}
    for name, ranks in found.ranks.items():
        statistics[f"{name}_covered50"] = float(((ranks >= 25) & (ranks < 75)).mean())
        statistics[f"{name}_covered90"] = float(((ranks >= 5) & (ranks < 95)).mean())
        statistics[f"{name}_lowest_tenth"] = float((ranks < 10).mean())
    return statistics | found.also


def _bounds(quantities: tuple[str, ...]) -> dict[str, Bound]:
    promised = {"covered50": 0.5, "covered90": 0.9, "lowest_tenth": 0.1}
    return {
        f"{q}_{name}": Bound(low=p, high=p, slack=0.01)
        for q in quantities
        for name, p in promised.items()
    }


def _certificate(
    name: str, where: str, quantities: tuple[str, ...], *regimes: Regime
) -> Certificate:
    return Certificate(
        name=f"hierarchical-{name}",
        method="calibrant.stats.hierarchical.fit.fit",
        statement=(
            f"Over data sets drawn from the prior ({where}), true values have uniform ranks among "
            "posterior draws, and central posterior intervals cover as often as they say."
        ),
        regimes=regimes,
        batch=calibration_batch,
        bounds=_bounds(quantities),
        peers=PEERS,
        batch_draws=25,
        needs="numpyro",
    )


CERTIFICATES = (
    _certificate(
        "one-subject", "one subject, repeated items", ("rate", "scale_item"),
        {"subjects": 1, "instruments": 1, "items": 20, "epochs": 3},
    ),
    _certificate(
        "subjects", "several subjects and instruments, repeated items",
        ("rate", "difference", "scale_subject", "scale_item", "scale_item_subject"),
        {"subjects": 3, "instruments": 2, "items": 12, "epochs": 2},
    ),
    _certificate(
        "graders", "items and answers seen by several graders, nothing integrated out",
        ("rate", "scale_item", "scale_answer", "scale_grader"),
        {"subjects": 1, "instruments": 1, "items": 15, "epochs": 2, "graders": 3},
    ),
    _certificate(
        "clusters", "items in clusters", ("rate", "scale_cluster", "scale_item"),
        {"subjects": 1, "instruments": 1, "items": 24, "epochs": 2, "clusters": 6},
    ),
    _certificate(
        "normal", "scores that are not 0 or 1",
        ("rate", "difference", "scale_item", "scale_item_subject", "scale_residual"),
        {"subjects": 3, "instruments": 1, "items": 15, "epochs": 3, "normal": True},
    ),
)  # fmt: skip
