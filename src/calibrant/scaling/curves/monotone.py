"""Does a score only ever grow with scale? A test, before any growing curve is fitted.

Within a family (or among families of one member) the number of concordant less discordant pairs in
a window of scales is compared with its distribution when scores are exchanged at random. If the
score never falls with scale and noise is exchangeable, every such number is at least what noise
alone would give, so that the test holds its level for every growing curve, however steep, and for
any differences between families. After Ghosal, Sen and van der Vaart (2000), Testing monotonicity
of regression, Annals of Statistics 28, with permutations in place of their limit.
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

    def __repr__(self) -> str:
        return one_line(f"Monotone: {self.says}", 400)

    @property
    def says(self) -> str:
        """The verdict in one sentence."""
        up, down, fall = ("falls", "grows", "rise") if self.falls else ("grows", "falls", "fall")
        never = f"p = {self.p_falls:.3g} that it never {down}"
        place = (
            ""
            if self.window is None
            else f" between 10^{self.window[0]:.1f} and 10^{self.window[1]:.1f}"
        )
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
    empty = Monotone("undetermined", 1.0, 1.0, None, 0, len(known), int(np.unique(strata).size))
    if i.size < comb(3, 2) or np.ptp(y) == 0:
        return empty
    inside, ends = _windows(x, i, j)
    generator = np.random.default_rng(rng)
    seen = np.sign(y[j] - y[i])
    null = _exchanged(y, strata, i, j, inside, permutations, generator)
    found = seen @ inside
    sd = np.sqrt(np.mean(null**2, axis=0))
    sd = np.where(sd > 0, sd, 1.0)
    low = np.min(null / sd, axis=1)
    worst = int(np.argmin(found / sd))
    p_falls = _p(low <= (found / sd)[worst] + 1e-9)
    p_grows = _p(null[:, 0] >= found[0] - 1e-9)
    p_whole = _p(null[:, 0] <= found[0] + 1e-9)
    if p_falls <= alpha:
        verdict = "falling" if p_whole <= alpha else "turning"
    else:
        verdict = "growing" if p_grows <= alpha else "undetermined"
    window = ends[worst] if p_falls <= alpha else None
    return Monotone(
        verdict, p_falls, p_grows, window, int(i.size), len(known), int(np.unique(strata).size)
    )


def _strata(known: Scores) -> NDArray[np.int64]:
    """Families; those of one member are exchangeable among each other and make one stratum."""
    _, group, size = np.unique(known.family, return_inverse=True, return_counts=True)
    return np.where(size[group] > 1, group, -1).astype(np.int64)


def _pairs(x: Floats, strata: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of one stratum, that of the smaller scale first."""
    i, j = np.nonzero((strata[:, None] == strata) & (x[:, None] < x))
    return i.astype(np.int64), j.astype(np.int64)


def _windows(
    x: Floats, i: NDArray[np.int64], j: NDArray[np.int64]
) -> tuple[Floats, list[tuple[float, float]]]:
    """Which pairs lie in which window, shape (pairs, windows); the first window is the whole."""
    edges = np.unique(np.quantile(x, np.linspace(0, 1, WINDOWS + 1)))
    columns: list[NDArray[np.bool_]] = []
    ends: list[tuple[float, float]] = []
    for width in range(edges.size - 1, 0, -1):
        for start in range(edges.size - width):
            low, high = edges[start], edges[start + width]
            within = (x[i] >= low) & (x[j] <= high)
            if within.sum() >= comb(4, 2) or not columns:
                columns.append(within)
                ends.append((float(low), float(high)))
    return np.stack(columns, axis=1).astype(float), ends


def _exchanged(
    y: Floats,
    strata: NDArray[np.int64],
    i: NDArray[np.int64],
    j: NDArray[np.int64],
    inside: Floats,
    permutations: int,
    rng: np.random.Generator,
) -> Floats:
    """The statistics (permutations, windows) when scores are exchanged within strata."""
    rank = np.unique(y, return_inverse=True)[1].astype(np.int16)
    found = np.empty((permutations, inside.shape[1]))
    rows = [np.flatnonzero(strata == s) for s in np.unique(strata)]
    step = max(1, int(4e6) // max(i.size, 1))
    narrow = inside.astype(np.float32)
    for start in range(0, permutations, step):
        count = min(step, permutations - start)
        mixed = np.empty((count, y.size), dtype=np.int16)
        for r in rows:
            mixed[:, r] = rng.permuted(np.broadcast_to(rank[r], (count, r.size)), axis=1)
        sign = np.sign(mixed[:, j] - mixed[:, i]).astype(np.float32)
        found[start : start + count] = sign @ narrow
    return found


def _p(extreme: NDArray[np.bool_]) -> float:
    """Phipson and Smyth (2010): a permutation p-value is never zero."""
    return float((1 + extreme.sum()) / (1 + extreme.size))
