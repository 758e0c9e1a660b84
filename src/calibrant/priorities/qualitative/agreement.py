"""Do coders read comments alike? Agreement on each code and on sets of codes, and what differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.priorities.qualitative.codebook import Codebook
from calibrant.priorities.qualitative.comments import Comments
from calibrant.priorities.qualitative.sheets import Sheet
from calibrant.stats.agreement.estimate import Coefficient, estimate
from calibrant.stats.agreement.ratios import Ratio, alpha

Floats = NDArray[np.float64]
Array = NDArray[Any]
Codes = frozenset[str]


@dataclass(frozen=True)
class CodeAgreement:
    """Agreement on whether one code applies.

    Attributes:
        given: how often coders gave it, on comments that two or more coded.
        alpha: Krippendorff's alpha of yes and no, over comments, those of a respondent together.
    """

    code: str
    given: int
    alpha: Coefficient


@dataclass(frozen=True)
class Disagreement:
    """A comment whose coders gave different sets of codes.

    Attributes:
        said: coder and codes.
        distance: mean MASI distance of two coders, 0–1.
    """

    comment: str
    said: tuple[tuple[str, tuple[str, ...]], ...]
    distance: float


@dataclass(frozen=True, repr=False)
class CodingAgreement:
    """How far coders agree.

    Attributes:
        coders: names.
        comments: that two or more coded.
        sets: Krippendorff's alpha of whole sets of codes, with MASI distances.
        codes: code by code.
        differ: comments to be settled, those furthest apart first.
    """

    coders: tuple[str, ...]
    comments: int
    sets: Coefficient
    codes: tuple[CodeAgreement, ...]
    differ: tuple[Disagreement, ...]

    def __repr__(self) -> str:
        return (
            f"Agreement of {len(self.coders)} coders on {self.comments:,} comments: {self.sets!r}; "
            f"{len(self.differ):,} to be settled"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def masi(a: Codes, b: Codes) -> float:
    """How far apart two sets are: 1 − Jaccard × monotonicity, 0 (equal) to 1 (nothing shared).

    Monotonicity is 1 for equal sets, 2/3 where one holds the other, 1/3 where they overlap, 0 else
    (Passonneau, LREC 2006).
    """
    if a == b:
        return 0.0
    shared = len(a & b)
    if not shared:
        return 1.0
    return 1 - shared / len(a | b) * (2 / 3 if a <= b or b <= a else 1 / 3)


def agree(
    sheets: Sequence[Sheet], book: Codebook, comments: Comments, *, level: float = 0.95
) -> CodingAgreement:
    """Agreement of two or more coders, with intervals.

    Comments of one respondent count as a cluster, as they tend to be alike. A code's alpha is
    undefined where it was given always or never.

    Raises:
        InputError: if fewer than two comments have two coders.
    """
    said = {c.id: [s.codes[c.id] for s in sheets if c.id in s.codes] for c in comments.rows}
    both = [ident for ident, sets in said.items() if len(sets) >= 2]
    if len(both) < 2:
        raise InputError(f"sheets: wanted two or more comments with two codings, got {len(both)}")
    who = [comments.by_id[i].respondent for i in both]
    cluster = np.unique(who, return_inverse=True)[1]
    codes = []
    for code in book.ids:
        yes = np.array([sum(code in s for s in said[i]) for i in both])
        no = np.array([len(said[i]) for i in both]) - yes
        found = estimate(alpha(np.column_stack([no, yes])), level=level, cluster=cluster)
        codes.append(CodeAgreement(code, int(yes.sum()), found))
    differ = [
        Disagreement(
            i, tuple((s.coder, tuple(sorted(s.codes[i]))) for s in sheets if i in s.codes),
            _mean_distance(said[i]),
        )
        for i in both if len(set(said[i])) > 1
    ]  # fmt: skip
    sets = estimate(_sets([said[i] for i in both]), level=level, cluster=cluster)
    return CodingAgreement(
        tuple(s.coder for s in sheets), len(both), sets, tuple(codes),
        tuple(sorted(differ, key=lambda d: (-d.distance, d.comment))),
    )  # fmt: skip


def _mean_distance(sets: Sequence[Codes]) -> float:
    pairs = [(a, b) for k, a in enumerate(sets) for b in sets[k + 1 :]]
    return sum(masi(a, b) for a, b in pairs) / len(pairs)


def _sets(said: Sequence[Sequence[Codes]]) -> Ratio:
    """Krippendorff's alpha with MASI distances, as a ratio of sums over comments."""
    kinds = sorted({s for sets in said for s in sets}, key=sorted)
    place = {s: k for k, s in enumerate(kinds)}
    apart = np.array([[masi(a, b) for b in kinds] for a in kinds])
    counts = np.zeros((len(said), len(kinds)))
    for row, sets in enumerate(said):
        for s in sets:
            counts[row, place[s]] += 1
    n = counts.sum(axis=1)
    within = ((counts @ apart) * counts).sum(axis=1) / (n - 1)

    def observed(t: Array) -> Array:
        return np.asarray(t[..., 0] / t[..., 1:].sum(axis=-1))

    def expected(t: Array) -> Array:
        m = t[..., 1:]
        whole = m.sum(axis=-1)
        return np.asarray(((m @ apart) * m).sum(axis=-1) / (whole * (whole - 1)))

    return Ratio(
        "Krippendorff's alpha (MASI)", np.column_stack([within, counts]),
        np.ones(len(said), np.bool_), observed, expected, int(n.sum()), len(said),
    )  # fmt: skip


def plain_alpha(said: Sequence[Sequence[Codes]]) -> float:
    """The same pair by pair, for comparison."""
    words = [(i, s, len(sets)) for i, sets in enumerate(said) for s in sets]
    seen = sum(masi(a, b) / (n - 1) for i, a, n in words for j, b, _ in words if i == j)
    chance = sum(masi(a, b) for _, a, _ in words for _, b, _ in words)
    total = len(words)
    return 1 - (seen / total) / (chance / (total * (total - 1)))
