"""Does a score only ever grow with scale? A test, before any growing curve is fitted.

Within a family (or among families of one member), in windows of scales and in parts of each family,
two things are compared with their distribution when scores are exchanged at random: the number of
concordant less discordant pairs, and the slope of scores. If the score never falls with scale and
noise is exchangeable, each of them is at least as far above what exchanges give as noise alone
would be: of pairs, because a sign can only turn from falling to growing; of slopes, because an
exchange of growing values lowers their slope (rearrangement). So each holds its level for every
growing curve, however steep, and for any differences between families. The lowest of all is
compared with the lowest of each exchange. After Ghosal, Sen and van der Vaart (2000), Testing
monotonicity of regression, Annals of Statistics 28, with permutations in place of their limit.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.scaling.scores import Scores

Floats = NDArray[np.float64]

WINDOWS = 6
"""Equal parts of the subjects, in the order of scale, from which windows are joined."""
PARTS: dict[str, tuple[float, float]] = {
    "lower half": (0.0, 0.51), "upper half": (0.49, 1.0), "lower two thirds": (0.0, 0.67),
    "upper two thirds": (0.33, 1.0), "middle half": (0.24, 0.76),
}  # fmt: skip
"""Parts of each family, by the ranks of its members as shares of their number: families may turn
each at its own scale."""
ALPHA = 0.01
"""Level at which a growing curve is refused."""


@dataclass(frozen=True, repr=False)
class Monotone:
    """Whether a score grows with scale, falls, or turns.

    Attributes:
        verdict: "growing"; "falling" where it falls over the whole (inverse scaling); "turning"
            where it falls within a window only, as a U or its inverse; or "undetermined".
        p_falls: of the hypothesis that it never falls.
        p_grows: of the hypothesis that it never grows, over all scales.
        window: the log10 scales between which it falls most clearly, if it does.
        part: the part of each family in which it does; empty where it is a window of scales.
        pairs: comparable pairs.
        subjects: with a score.
        strata: families of two or more, and one for all others.
        falls: whether scores were turned upside down first, as better subjects score lower.
    """

    verdict: str
    p_falls: float
    p_grows: float
    window: tuple[float, float] | None
    pairs: int
    subjects: int
    strata: int
    falls: bool = False
    part: str = ""

    def __repr__(self) -> str:
        return one_line(f"Monotone: {self.says}", 400)

    @property
    def says(self) -> str:
        """The verdict in one sentence."""
        up, down, fall = ("falls", "grows", "rise") if self.falls else ("grows", "falls", "fall")
        never = f"p = {self.p_falls:.3g} that it never {down}"
        place = (
            "" if self.window is None else " between 10^{:.1f} and 10^{:.1f}".format(*self.window)
        )
        if self.part:
            place = f" in the {self.part} of each family"
        return {
            "growing": f"the score {up} with scale ({never})",
            "falling": f"the score {down} with scale: inverse scaling ({never})",
            "turning": f"the score {down}{place}, as in a U or its inverse ({never})",
            "undetermined": f"neither growth nor a {fall} is shown by {self.pairs} pairs ({never})"
            if not self.falls
            else f"neither a fall nor a rise is shown by {self.pairs} pairs ({never})",
        }[self.verdict]

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self) | {"says": self.says}

    def _repr_html_(self) -> str:
        from calibrant._figure import notebook

        return notebook(self)


def monotone(
    scores: Scores,
    *,
    alpha: float = ALPHA,
    permutations: int = 1999,
    rng: np.random.Generator | int = 0,
) -> Monotone:
    """Test whether a score never falls with scale, within families.

    Args:
        scores: rows of one measure; those without a scale or score are left out.
        alpha: level of the verdict, above 0 and below 1.
        permutations: random exchanges; p-values are at least 1 / (permutations + 1).
        rng: a generator or seed of the exchanges.

    Raises:
        InputError: if there is more than one measure.
    """
    if len(scores.measures) > 1:
        raise InputError(f"monotone: wanted one measure, got {len(scores.measures)}")
    known = scores.take(np.isfinite(scores.scale) & np.isfinite(scores.score))
    strata = _strata(known)
    x, y = known.scale, known.score
    i, j = _pairs(x, strata)
    many = int(np.unique(strata).size)
    if i.size < comb(3, 2) or np.ptp(y) == 0:
        return Monotone("undetermined", 1.0, 1.0, None, 0, len(known), many)
    windows = _windows(x, strata, i, j)
    drawn = _exchanged(y, strata, permutations, np.random.default_rng(rng))
    seen = _statistics(np.vstack([y, drawn]), x, strata, i, j, windows)
    found, null = seen[0], seen[1:]
    low = np.min(null, axis=1)
    worst = int(np.argmin(found))
    p_falls = _p(low <= found[worst] + 1e-9)
    p_grows = _p(null[:, 0] >= found[0] - 1e-9)
    p_whole = _p(null[:, 0] <= found[0] + 1e-9)
    if p_falls > alpha:
        verdict = "growing" if p_grows <= alpha else "undetermined"
        return Monotone(verdict, p_falls, p_grows, None, int(i.size), len(known), many)
    where = windows[worst % len(windows)]
    inside = x[where.rows]
    return Monotone(
        "falling" if p_whole <= alpha else "turning", p_falls, p_grows,
        (float(inside.min()), float(inside.max())), int(i.size), len(known), many, part=where.part,
    )  # fmt: skip


@dataclass(frozen=True)
class _Window:
    """Subjects among which scores are compared, shape (n,); the part of families, if it is one."""

    rows: NDArray[np.bool_]
    part: str = ""


def _strata(known: Scores) -> NDArray[np.int64]:
    """Families; those of one member are exchangeable among each other and make one stratum."""
    _, group, size = np.unique(known.family, return_inverse=True, return_counts=True)
    return np.where(size[group] > 1, group, -1).astype(np.int64)


def _pairs(x: Floats, strata: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of one stratum, that of the smaller scale first."""
    i, j = np.nonzero((strata[:, None] == strata) & (x[:, None] < x))
    return i.astype(np.int64), j.astype(np.int64)


def _windows(
    x: Floats, strata: NDArray[np.int64], i: NDArray[np.int64], j: NDArray[np.int64]
) -> list[_Window]:
    """The windows that hold pairs enough; the first is the whole."""
    edges = np.unique(np.quantile(x, np.linspace(0, 1, WINDOWS + 1)))
    every = [
        _Window((x >= edges[start]) & (x <= edges[start + width]))
        for width in range(edges.size - 1, 0, -1)
        for start in range(edges.size - width)
    ]
    if np.unique(strata).size > 1:
        # Of one family, parts are windows of scales.
        place = np.empty(x.size)
        for s in np.unique(strata):
            mine = np.flatnonzero(strata == s)
            place[mine[np.argsort(x[mine])]] = (np.arange(mine.size) + 0.5) / mine.size
        every += [_Window((place >= a) & (place <= b), part) for part, (a, b) in PARTS.items()]
    return every[:1] + [
        w for w in every[1:] if (w.rows[i] & w.rows[j]).sum() >= comb(3 if w.part else 4, 2)
    ]


def _exchanged(
    y: Floats, strata: NDArray[np.int64], permutations: int, rng: np.random.Generator
) -> Floats:
    """Scores, shape (permutations, n), exchanged within strata."""
    found = np.tile(y, (permutations, 1))
    for s in np.unique(strata):
        rows = np.flatnonzero(strata == s)
        found[:, rows] = rng.permuted(found[:, rows], axis=1)
    return found


def _statistics(
    y: Floats, x: Floats, strata: NDArray[np.int64], i: NDArray[np.int64],
    j: NDArray[np.int64], windows: list[_Window],
) -> Floats:  # fmt: skip
    """Signs of pairs, then slopes, in each window, over their standard deviations: of m rows of
    scores that are exchanges of one another, shape (m, 2 × windows)."""
    inside = np.stack([w.rows for w in windows], axis=1)
    both = (inside[i] & inside[j]).astype(np.float32)
    rank = np.unique(y, return_inverse=True)[1].reshape(y.shape).astype(np.int32)
    signs = np.empty((len(y), len(windows)))
    step = max(1, int(4e6) // max(i.size, 1))
    for start in range(0, len(y), step):
        some = rank[start : start + step]
        signs[start : start + step] = np.sign(some[:, j] - some[:, i]).astype(np.float32) @ both
    contrasts = _contrasts(x, strata, inside)
    found = np.hstack([signs, (y - y[0].mean()) @ contrasts])
    size = np.sqrt(_variances(y[0], strata, inside, contrasts))
    return np.asarray(found / np.where(size > 1e-12 * np.ptp(y[0]), size, np.inf))


def _variances(
    y: Floats, strata: NDArray[np.int64], inside: NDArray[np.bool_], contrasts: Floats
) -> Floats:
    """Variances of the statistics under exchanges, (2 × windows,); signs as if without ties."""
    signs, slopes = np.zeros((2, inside.shape[1]))
    for s in np.unique(strata):
        mine = strata == s
        k = inside[mine].sum(axis=0)
        signs += k * (k - 1) * (2 * k + 5) / 18
        if mine.sum() > 1:
            slopes += np.var(y[mine], ddof=1) * np.sum(contrasts[mine] ** 2, axis=0)
    return np.concatenate([signs, slopes])


def _contrasts(x: Floats, strata: NDArray[np.int64], inside: NDArray[np.bool_]) -> Floats:
    """Scales less their mean within stratum and window, shape (n, windows); 0 outside."""
    found = np.zeros(inside.shape)
    for s in np.unique(strata):
        mine = inside & (strata == s)[:, None]
        mean = x @ mine / np.maximum(mine.sum(axis=0), 1)
        found += np.where(mine, x[:, None] - mean, 0.0)
    return found


def _p(extreme: NDArray[np.bool_]) -> float:
    """Phipson and Smyth (2010): a permutation p-value is never zero."""
    return float((1 + extreme.sum()) / (1 + extreme.size))
