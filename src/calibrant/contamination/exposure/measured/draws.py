"""Draws for certificates: clean signals in hard regimes, texts of groups, and what others do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

Floats = NDArray[np.float64]

_WORDS = """
    a an the of to in on by as at is are was were has had will may it its they she he we you
    model house river stone paper green seven train lamp bread winter music number window
    table garden morning price letter market orange second people question answer problem
    distance between remaining together altogether afterwards immediately
""".split()  # noqa: SIM905 - to be read


def tails(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Signals of texts: "normal", "t2" (infinite variance), "skew" (log-normal), "ties"."""
    if kind == "t2":
        return np.asarray(rng.standard_t(2, shape))
    if kind == "skew":
        return np.asarray(-np.exp(rng.normal(0, 1.5, shape)))
    if kind == "ties":
        return np.round(rng.normal(0, 1, shape)).astype(float)
    return rng.normal(0, 1, shape)


def welch(x: Floats, y: Floats) -> float:
    """One-sided p of Welch's t test that x is larger; 1 without spread."""
    a, b = x.var(ddof=1) / x.size, y.var(ddof=1) / y.size
    if not a + b > 0:
        return 1.0
    df = (a + b) ** 2 / max(a**2 / (x.size - 1) + b**2 / (y.size - 1), 1e-300)
    return float(stdtr(df, -(x.mean() - y.mean()) / np.sqrt(a + b)))


def paired(d: Floats) -> float:
    """One-sided p of the t test that differences are above 0; 1 without spread."""
    spread = d.std(ddof=1)
    if not spread > 0:
        return 1.0
    return float(stdtr(d.size - 1, -d.mean() / spread * np.sqrt(d.size)))


def oren(table: Floats) -> float:
    """p of the reference code of Oren et al.: np.std (of a population) under the mean."""
    apart = table[:, 0] - table[:, 1:].mean(axis=1)
    spread = np.std(apart)
    if not spread > 0:
        return 1.0
    z = apart.mean() / spread * np.sqrt(apart.size)
    return float(stdtr(apart.size - 1, -z))


def delong(x: Floats, y: Floats) -> tuple[float, float]:
    """DeLong's interval for the AUROC, the usual one."""
    above = (x[:, None] > y).mean(axis=1) + (x[:, None] == y).mean(axis=1) / 2
    under = (x[:, None] > y).mean(axis=0) + (x[:, None] == y).mean(axis=0) / 2
    reach = 1.96 * np.sqrt(above.var(ddof=1) / x.size + under.var(ddof=1) / y.size)
    return float(above.mean() - reach), float(above.mean() + reach)


def texts(sizes: NDArray[np.int64], years: Floats, rng: np.random.Generator) -> list[str]:
    """Texts of so many words; a share of the words are `years`, numbers, one share a text."""
    out = []
    for size, share in zip(sizes.tolist(), years.tolist(), strict=True):
        words = rng.choice(_WORDS, size).tolist()
        for place in np.flatnonzero(rng.random(size) < share).tolist():
            words[place] = str(int(rng.integers(1900, 2030)))
        out.append(" ".join(words))
    return out
