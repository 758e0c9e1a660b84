"""What happens to error rates when many effects are tested or estimated at once?"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from calibrant.stats.certificates import Bound, Certificate, Regime, peers, regimes
from calibrant.stats.comparisons.multiplicity import Adjustment, adjust, simultaneous

FAMILY: tuple[Adjustment, ...] = ("bonferroni", "holm", "hochberg")
SHARE: tuple[Adjustment, ...] = ("benjamini-hochberg", "benjamini-yekutieli")


def _families(regime: Regime, rng: np.random.Generator, draws: int) -> dict[str, float]:
    """Many normal effects, positively correlated; the first are not 0."""
    m, real, rho = regime["effects"], regime["real"], regime["correlation"]
    true = np.where(np.arange(m) < real, 3.0, 0.0)
    noise = rho**0.5 * rng.standard_normal((draws, 1))
    x = true + noise + (1 - rho) ** 0.5 * rng.standard_normal((draws, m))
    p = np.asarray(2 * ndtr(-np.abs(x)), dtype=float)
    found: dict[str, float] = {}
    rejections = {name: adjust(p, name) <= 0.05 for name in (*FAMILY, *SHARE)}
    sidak = np.sort(p, axis=1)[:, :1] > -np.expm1(np.log1p(-0.05) / m)
    every = rejections | {"unadjusted": p <= 0.05, "gatekeeper": (p <= 0.05) & ~sidak}
    for name, rejected in every.items():
        false = rejected[:, real:].sum(axis=1)
        share = false / np.maximum(1, rejected.sum(axis=1))
        found[f"{name} any false"] = float((false > 0).mean())
        found[f"{name} false share"] = float(share.mean())
        if real:
            found[f"{name} power"] = float(rejected[:, :real].mean())
    one = np.ones(m)
    for kind in ("bonferroni", "holm"):
        # A limit at 0 is open: it says that the effect is not 0.
        held = [
            all(
                (i.low < t if i.low == 0 else i.low <= t)
                and (t < i.high if i.high == 0 else t <= i.high)
                for i, t in zip(simultaneous(row, one, method=kind).intervals, true, strict=True)
            )
            for row in x
        ]
        found[f"{kind} intervals cover"] = float(np.mean(held))
    alone = np.all(np.abs(x - true) <= peers.z(), axis=1)
    found["unadjusted intervals cover"] = float(alone.mean())
    return found


CERTIFICATES: tuple[Certificate, ...] = (
    Certificate(
        "many-comparisons",
        "adjust, simultaneous",
        "Adjusted p-values hold the family-wise error or the false discovery rate; simultaneous "
        "intervals cover all at once.",
        regimes(
            "effects real correlation",
            (5, 0, 0.0), (10, 5, 0.0), (10, 5, 0.5), (20, 18, 0.2), (4, 4, 0.3),
        ),
        _families,
        {f"{name} any false": Bound(high=0.05) for name in FAMILY}
        | {f"{name} false share": Bound(high=0.05) for name in SHARE}
        | {f"{kind} intervals cover": Bound(low=0.95) for kind in ("bonferroni", "holm")},
        {
            "unadjusted": "each effect by itself at 0.05, as in most leaderboards",
            "gatekeeper": "all at 0.05 once the smallest passes Šidák's limit (protected tests)",
        },
    ),
)  # fmt: skip
