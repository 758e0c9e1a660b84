"""Do measures of one trait agree, and measures of different traits differ? MTMM and HTMT.

Campbell and Fiske, Psychological Bulletin 56 (1959) 81; Henseler, Ringle and Sarstedt, Journal of
the Academy of Marketing Science 43 (2015) 115 (HTMT); Roemer, Schuberth and Henseler, Industrial
Management & Data Systems 121 (2021) 2637 (HTMT2); Fornell and Larcker, Journal of Marketing
Research 18 (1981) 39.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.validity.measures import Measures
from calibrant.stats.relations.correlations import pearson, standard
from calibrant.stats.relations.factors import minres
from calibrant.stats.relations.spread import Estimate, corrected, estimates

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Discriminant:
    """Whether two traits are told apart.

    Attributes:
        one, two: the traits.
        htmt: the mean correlation between their indicators over the geometric mean of those
            within; 1 if they are one trait measured with error.
        htmt2: the same of geometric means, right where loadings differ; undefined where a
            correlation is not positive, as of single items it usually is.
        fornell_larcker: whether the variance that each trait explains in its indicators exceeds
            what they share, HTMT²; None where there are too many indicators for a factor.
        told_apart: whether the interval of HTMT ends below 1; None without one.
    """

    one: str
    two: str
    htmt: Estimate
    htmt2: Estimate
    fornell_larcker: bool | None

    @property
    def told_apart(self) -> bool | None:
        """Whether the interval of HTMT ends below 1; None without one."""
        return None if self.htmt.high is None else self.htmt.high < 1

    def __repr__(self) -> str:
        said = {True: "told apart", False: "not told apart", None: "no interval"}[self.told_apart]
        return one_line(f"{self.one}, {self.two}: HTMT {self.htmt!r}, {said}", 300)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"told_apart": self.told_apart}


def blocks_of(measures: Measures) -> dict[str, Floats]:
    """The indicators of each trait: its cells over methods, else its items without gaps."""
    if measures.traits:
        names = dict.fromkeys(measures.traits)
        which = {t: [j for j, u in enumerate(measures.traits) if u == t] for t in names}
        return {t: measures.values[:, w] for t, w in which.items()}
    whole = [p[:, ~np.isnan(p).any(axis=0)] for p in measures.parts]
    return dict(zip(measures.names, whole, strict=False))


def discriminant(
    measures: Measures, *, level: float = 0.95, absolute: bool = False
) -> tuple[Discriminant, ...]:
    """HTMT and HTMT2 of every two traits with at least two indicators each.

    Args:
        measures: of items (`by`), or of cells of traits and methods.
        level: of each interval.
        absolute: take absolute values of correlations, as Henseler et al. and most software do.
            Single items correlate weakly, and the absolute value of noise is not noise about 0:
            traits then seem the same. Without it, indicators must point the same way.

    Returns:
        One a pair of traits; none for a plain table, whose traits have one indicator each.
    """
    blocks = {t: b for t, b in blocks_of(measures).items() if b.shape[1] >= 2}
    names = list(blocks)
    pairs = list(combinations(range(len(names)), 2))
    if not pairs:
        return ()
    data = list(blocks.values())
    simple = corrected(
        lambda rows: htmt_ratio([b[rows] for b in data], pairs, absolute),
        measures.family,
        level=level,
    )
    geometric = _geometric(data, pairs, measures.family, level)
    explained = [_explained(b) for b in data]
    found = []
    for (a, b), one, two in zip(pairs, simple, geometric, strict=True):
        ave = explained[a], explained[b]
        larger = None
        if one.value is not None and ave[0] is not None and ave[1] is not None:
            larger = bool(min(ave[0], ave[1]) > one.value**2)
        found.append(Discriminant(names[a], names[b], one, two, larger))
    return tuple(found)


def htmt_ratio(blocks: list[Floats], pairs: list[tuple[int, int]], absolute: bool) -> Floats:
    """What HTMT is the ratio of, shape (pairs, 2); NaN where correlations within are not positive.

    The correlation of the sums of standardised indicators, and the root of their α's: HTMT is a
    correlation corrected for unreliability.
    """
    n = len(blocks[0])
    z = [standard(b) for b in blocks]
    size = np.array([float(b.any(axis=0).sum()) for b in z])
    if absolute:
        sums = [[float(np.abs(u.T @ v).sum()) / n for v in z] for u in z]
        total = np.array(sums)
    else:
        # The sum of all correlations is that of the products of row sums: no matrix is needed.
        rows = np.column_stack([b.sum(axis=1) for b in z])
        total = rows.T @ rows / n
    with np.errstate(invalid="ignore", divide="ignore"):
        within = (np.diag(total) - size) / (size * (size - 1))
        within = np.where((size >= 2) & (within > 0), within, np.nan)
        spread = np.sqrt(np.diag(total))
        root = size * np.sqrt(within) / spread
        return np.array([(total[a, b] / spread[a] / spread[b], root[a] * root[b])
                         for a, b in pairs])  # fmt: skip


def _geometric(
    data: list[Floats], pairs: list[tuple[int, int]], family: Ints, level: float
) -> list[Estimate]:
    """HTMT2; undefined without the cost of intervals where a correlation is not positive."""
    ends = np.cumsum([0, *(b.shape[1] for b in data)])
    joined = np.column_stack(data)

    def statistic(rows: Ints) -> Floats:
        r = pearson(joined[rows])
        with np.errstate(invalid="ignore"):
            logs = np.where(r > 0, np.log(np.where(r > 0, r, 1.0)), np.nan)
        out = []
        for a, b in pairs:
            one, two = slice(ends[a], ends[a + 1]), slice(ends[b], ends[b + 1])
            inner = [logs[s, s][np.triu_indices(s.stop - s.start, 1)].mean() for s in (one, two)]
            out.append(np.exp(logs[one, two].mean() - sum(inner) / 2))
        return np.array(out)

    if np.isnan(statistic(np.arange(family.size))).all():
        note = "a correlation of indicators is not positive"
        return [Estimate(None, None, None, level, note) for _ in pairs]
    return estimates(statistic, family, scale="log", level=level)


def _explained(block: Floats) -> float | None:
    """The mean share of variance that one factor explains in a trait's indicators."""
    z = standard(block)
    if not 3 <= block.shape[1] <= len(block) / 2 or not z.any(axis=0).all():
        return None
    loadings = minres(pearson(block), 1).loadings
    return float((loadings**2).mean())


@dataclass(frozen=True)
class Mtmm:
    """Correlations of traits × methods, by what the two cells share.

    Attributes:
        convergent: the mean of the same trait by different methods.
        different: the mean of different traits by different methods.
        same_method: the mean of different traits by the same method; what the method adds.
        discrimination: `convergent` less `different`: above 0 if traits show through methods.
        method_effect: `same_method` less `different`: above 0 if methods show through traits.
        exceptions: the comparisons in which a convergent correlation is not above one of
            different traits in its row or column, and how many comparisons there are.
    """

    convergent: Estimate
    different: Estimate
    same_method: Estimate
    discrimination: Estimate
    method_effect: Estimate
    exceptions: tuple[int, int]

    def __repr__(self) -> str:
        return (
            f"same trait {self.convergent!r}, neither {self.different!r}, "
            f"same method {self.same_method!r}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def mtmm(measures: Measures, *, level: float = 0.95) -> Mtmm:
    """Compare the blocks of a multitrait–multimethod matrix.

    Raises:
        InputError: for measures that are no cells of traits and methods, or without two cells
            of one trait.
    """
    if not measures.traits:
        raise InputError("traits: wanted measures by a trait and a method, got one fact only")
    trait, method = np.array(measures.traits), np.array(measures.methods)
    one, two = np.triu_indices(len(trait), 1)
    same_trait, same_method = trait[one] == trait[two], method[one] == method[two]
    blocks = [same_trait & ~same_method, ~same_trait & ~same_method, ~same_trait & same_method]
    if not blocks[0].any():
        raise InputError("methods: wanted a trait with two methods, got one method each")

    def statistic(rows: Ints) -> Floats:
        r = pearson(measures.values[rows])[one, two]
        a, b, c = (float(r[m].mean()) if m.any() else np.nan for m in blocks)
        return np.array([a, b, c, a - b, c - b])

    found = estimates(statistic, measures.family, scale="plain", level=level, bounds=(-2.0, 2.0))
    a, b, c, d, e = found
    return Mtmm(a, b, c, d, e, _exceptions(pearson(measures.values), trait, method))


def _exceptions(r: Floats, trait: NDArray[Any], method: NDArray[Any]) -> tuple[int, int]:
    """Campbell and Fiske's second criterion, counted."""
    bad = total = 0
    size = len(trait)
    for i, j in combinations(range(size), 2):
        if trait[i] != trait[j] or method[i] == method[j]:
            continue
        for a, b in ((i, j), (j, i)):
            other = (trait != trait[a]) & (method == method[b])
            total += int(other.sum())
            bad += int((r[a, other] >= r[i, j]).sum())
    return bad, total
