"""How often are links wrong? Coverage of the constants, and anchors falsely said to drift."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import expit, ndtri

from calibrant.errors import InputError
from calibrant.quality.bank import Bank, Floats
from calibrant.quality.linking.link import link_banks
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes

SLOPE, SHIFT = 1.2, 0.5
DRIFT = 1.2
_Z = float(ndtri(0.975))


def estimated(model: str, a: Floats, b: Floats, subjects: int, rng: np.random.Generator) -> Bank:
    """A bank as a calibration would give it: true parameters with errors of known covariance.

    The covariance is that of a regression on abilities with a standard normal distribution, and
    is a fifth wider, as abilities are not known.
    """
    z = np.linspace(-4, 4, 41)
    w = np.exp(-0.5 * z**2)
    w *= subjects / w.sum()
    p = expit(a[:, None] * (z - b[:, None]))
    v = p * (1 - p) * w
    n, d = a.size, -a * b
    covariance = np.full((n, 2, 2), np.nan)
    if model == "rasch":
        covariance[:, 1, 1] = 1.2 / v.sum(axis=1)
        step = np.stack([np.zeros(n), np.sqrt(covariance[:, 1, 1]) * rng.normal(size=n)], axis=1)
    else:
        cells = [(v * z**2).sum(axis=1), (v * z).sum(axis=1), v.sum(axis=1)]
        information = np.stack([np.stack(cells[:2], -1), np.stack(cells[1:], -1)], axis=-2)
        covariance = 1.2 * np.linalg.inv(information)
        root = np.linalg.cholesky(covariance)
        step = np.einsum("jkl,jl->jk", root, rng.normal(size=(n, 2)))
    names = tuple(f"item {j + 1}" for j in range(n))
    return Bank(model, names, a + step[:, 0], (d + step[:, 1])[:, None], np.zeros(n),
                np.tile([0.0, 1.0], (n, 1)), covariance=covariance)  # fmt: skip


def draw(regime: Regime, rng: np.random.Generator) -> tuple[Bank, Bank, float]:
    """Two banks that share all items, and the true slope; the first `drifting` became harder."""
    n, model = int(regime["anchors"]), str(regime["model"])
    slope = 1.0 if model == "rasch" else SLOPE
    a = np.ones(n) if model == "rasch" else np.clip(rng.lognormal(0.1, 0.3, n), 0.5, 2.5)
    b = np.clip(rng.normal(0, 1, n), -2, 2)
    later = b + DRIFT * (np.arange(n) < int(regime["drifting"]))
    subjects = int(regime["subjects"])
    old = estimated(model, a, b, subjects, rng)
    return old, estimated(model, a * slope, (later - SHIFT) / slope, subjects, rng), slope


def _batch(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    names = ("slope covered", "shift covered", "false drift", "drift found", "refused",
             "mean-sigma slope covered", "mean-sigma shift covered")  # fmt: skip
    sums = dict.fromkeys(names, 0.0)
    drifting = int(regime["drifting"])
    for _ in range(draws):
        old, new, slope = draw(regime, rng)
        try:
            found = link_banks(old, new)
        except InputError:
            # Refused: nothing is claimed, and it is counted.
            for name in ("slope covered", "shift covered", "refused"):
                sums[name] += 1
            continue
        drifted = np.array([not a.used for a in found.anchors])
        sums["slope covered"] += (
            found.slope_interval[0] - 1e-9 <= slope <= found.slope_interval[1] + 1e-9
        )
        sums["shift covered"] += found.shift_interval[0] <= SHIFT <= found.shift_interval[1]
        sums["false drift"] += float(drifted[drifting:].sum() / max(drifted.sum(), 1))
        sums["drift found"] += float(drifted[:drifting].mean()) if drifting else 0.0
        plain = link_banks(old, new, "mean-sigma", purify=False)
        assert plain.item_errors is not None
        for name, value, truth, error in (
            ("slope", plain.slope, slope, plain.item_errors[0]),
            ("shift", plain.shift, SHIFT, plain.item_errors[1]),
        ):
            sums[f"mean-sigma {name} covered"] += abs(value - truth) <= _Z * error + 1e-9
    return {name: total / draws for name, total in sums.items()}


_NAMES = "model anchors subjects drifting"
CERTIFICATES = (
    Certificate(
        "items-link",
        "calibrant.quality.linking.link_banks",
        "Where anchors do not drift, 95 % intervals of slope and shift cover, with 5 anchors as "
        "with 40; of the anchors said to drift at most 5 % are false.",
        regimes(_NAMES, ("rasch", 20, 100, 0), ("2pl", 5, 400, 0), ("2pl", 10, 200, 0),
                ("2pl", 40, 200, 0)),
        _batch,
        {
            "slope covered": Bound(low=0.95, slack=0.02),
            "shift covered": Bound(low=0.95, slack=0.02),
            "false drift": Bound(high=0.05, slack=0.01),
        },
        {"mean-sigma": "means and sds of difficulties of all anchors, with the delta method"},
        beyond=regimes(_NAMES, ("rasch", 20, 200, 4), ("2pl", 20, 400, 4)),
        batch_draws=50,
    ),
)  # fmt: skip
