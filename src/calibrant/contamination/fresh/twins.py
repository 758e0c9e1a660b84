"""Are the secret twins as hard as the items they stand for? Shown by subjects who saw neither.

A difference that is not significant does not make sets equal; two one-sided tests do, within a
margin (Schuirmann, J. Pharmacokinet. Biopharm. 15 (1987) 657).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import ndtri

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.records.identity import id_of
from calibrant.stats.comparisons.multiplicity import Comparison, adjust
from calibrant.stats.comparisons.paired import compare_items, paired_t
from calibrant.stats.comparisons.planning import equivalence_power, units_for

if TYPE_CHECKING:
    from calibrant._figure import Figure

Floats = NDArray[np.float64]
Says = Literal["equivalent", "not equivalent", "undetermined"]
LEAST = 10
"""Pairs below which nothing is said."""


@dataclass(frozen=True)
class SubjectTwins:
    """One reference subject on both sets; differences are published minus twin.

    Attributes:
        p_adjusted: of no difference, by Holm over subjects.
    """

    subject: str
    pairs: int
    published: float
    twins: float
    difference: float
    low: float
    high: float
    p_adjusted: float


@dataclass(frozen=True)
class TwinCheck:
    """Whether twins are as hard as what they stand for, within a margin.

    Attributes:
        verdict: "equivalent" if the interval lies inside ±margin, "not equivalent" if it lies
            outside, else "undetermined"; each is wrong at most with chance `alpha`.
        difference: published minus twin, mean over pairs of the mean over subjects.
        low, high: its interval of level 1 - 2 · `alpha`, for pairs as a sample of such pairs.
        pairs: how many entered.
        missing: pairs left out, as no subject has scores on both.
        power: the chance that so many pairs show equivalence if there is no difference.
        pairs_needed: for a chance of `wanted`, with these subjects.
        subjects_needed: for the same with these pairs; None if no number is enough, or
            one subject says nothing of how subjects differ.
    """

    verdict: Says
    difference: float
    low: float
    high: float
    margin: float
    alpha: float
    pairs: int
    missing: int
    method: str
    power: float
    wanted: float
    pairs_needed: int | None
    subjects_needed: int | None
    subjects: tuple[SubjectTwins, ...]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        more = ""
        if self.verdict == "undetermined":
            needed = [
                f"{n:,} {what}"
                for n, what in ((self.pairs_needed, "pairs"), (self.subjects_needed, "subjects"))
                if n is not None
            ]
            if self.pairs_needed is not None and self.pairs_needed <= self.pairs:
                more = "; for sets that are alike there are pairs enough: these may not be"
            elif needed:
                more = f"; it would take about {' or '.join(needed)}, if they are alike"
        return (
            f"twins {self.verdict}: published minus twins {self.difference:+.3f} "
            f"({1 - 2 * self.alpha:.0%} interval {self.low:+.3f} to {self.high:+.3f}, margin "
            f"±{self.margin:g}; {self.pairs} pairs, {len(self.subjects)} reference "
            f"subject{'s' * (len(self.subjects) != 1)}){more}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"subjects": [asdict(s) for s in self.subjects],
                               "notes": list(self.notes)}  # fmt: skip

    def plot(self) -> Figure:
        """The difference of each subject and of all, against the margin."""
        from calibrant.contamination.fresh.figures import twins_figure

        return twins_figure(self)


def check_twins(
    trials: Any,
    pairs: str | Path | Sequence[tuple[str, str]],
    margin: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    subjects: Sequence[str] | None = None,
) -> TwinCheck:
    """Test whether twins are as hard as the published items, on subjects who have seen neither.

    Each pair's difference is the mean over subjects (and their epochs); the interval of the mean
    over pairs is exact where scores are 0 or 1 and few pairs differ, else Student's
    (`compare_items`), moved out for skewness. Subjects are taken as they are, pairs as a sample of
    such pairs.

    Args:
        trials: whatever `read` takes, with scores from 0 to 1.
        pairs: ids of published item and twin, or the file of twins that `generate` wrote.
        margin: the largest difference of mean scores that does not matter, such as 0.03.
        alpha: the chance to say "equivalent" of sets that differ by the margin or more.
        power: for which the pairs needed are worked out.
        subjects: only these; by default all in the trials.

    Raises:
        InputError: for a margin outside 0–1, fewer than ten pairs with scores on both sides, or
            scores outside 0–1.
    """
    _check_limits(margin, alpha)
    listed = read_pairs(pairs) if isinstance(pairs, str | Path) else _checked(pairs)
    names, left, right = scores_of(trials, listed, subjects)
    both = ~np.isnan(left) & ~np.isnan(right)
    some: NDArray[np.bool_] = np.asarray(both.any(axis=0))
    if int(some.sum()) < LEAST:
        raise InputError(
            f"twins: wanted at least {LEAST} pairs with scores on both sides, got {int(some.sum())}"
        )
    notes = []
    if not both[:, some].all():
        notes.append(f"{int((~both[:, some]).sum())} subject-pairs lack a score on a side and are "
                     "left out")  # fmt: skip
    a, b = (_mean(np.where(both, x, np.nan)[:, some]) for x in (left, right))
    found, low, high, method = _interval(a, b, alpha)
    verdict: Says = "undetermined"
    if -margin < low and high < margin:
        verdict = "equivalent"
    elif low > margin or high < -margin:
        verdict = "not equivalent"
    rows = _each(names, left, right, both, alpha)
    seen = [r.subject for r in rows if r.p_adjusted <= alpha and r.difference > 0]
    if seen:
        notes.append(f"{one_line(', '.join(seen), 120)} did better on the published items: a "
                     "subject that may have seen them is no reference")  # fmt: skip
    n = int(some.sum())
    sd, needed, more, now = _planned(left, right, both, some, a - b, n, margin, alpha, power)
    if sd == 0:
        notes.append("no pair differs from the others; needs are those of an exact bound")
    return TwinCheck(
        verdict, found.difference, low, high, margin, alpha, n, int((~some).sum()), method,
        now, power, needed, more, rows, tuple(notes),
    )  # fmt: skip


def _check_limits(margin: float, alpha: float) -> None:
    if not 0 < margin < 1:
        raise InputError(f"margin: wanted between 0 and 1, got {margin!r}")
    if not 0 < alpha < 0.25:
        raise InputError(f"alpha: wanted an error rate between 0 and 0.25, got {alpha!r}")


def _interval(a: Floats, b: Floats, alpha: float) -> tuple[Comparison, float, float, str]:
    """A comparison, its interval of level 1 - 2 · alpha, and how that was found.

    Student's limits are too near where differences are skewed, as for rates near 0 and 1: up to
    7 % instead of 5 % are missed. Each is found with one more pair that differs the other way by
    the least there is, as exact limits of a rate are with one more event; the one on the side of
    the skewness is moved out by the second term of the Edgeworth expansion of t (Hall, J. R.
    Statist. Soc. B 54 (1992) 221), and the other stays, so that nothing is gained.
    """
    found = compare_items(a, b, level=1 - alpha, score_range=1.0)
    low, high = found.narrow.low, found.narrow.high
    if " t," not in found.method:
        return found, low, high, found.method
    d = np.where(np.isclose(a, b, 1e-12, 0), 0.0, a - b)
    least = float(np.abs(d[d != 0]).min())
    low = paired_t(np.append(d, -least), level=1 - 2 * alpha).interval.low
    high = paired_t(np.append(d, least), level=1 - 2 * alpha).interval.high
    rest, z = d - d.mean(), float(ndtri(alpha))
    spread = float(np.mean(rest**2)) ** 0.5
    step = float(np.mean(rest**3)) / spread**2 * (1 + 2 * z * z) / (6 * d.size)
    method = f"{found.method}, one more pair against, and skewness"
    return found, low + min(step, 0.0), high + max(step, 0.0), method


def read_pairs(path: str | Path) -> tuple[tuple[str, str], ...]:
    """Pairs from the file of twins that `generate` wrote.

    Raises:
        InputError: if it is none.
    """
    from calibrant.contamination.fresh.files import read_rows

    found = []
    for row, _ in read_rows(Path(path)):
        if not isinstance(row.get("twin_of"), str):
            raise InputError(f"{path}: item {one_line(str(row['id']), 60)!r}: wanted a key twin_of")
        found.append((row["twin_of"], str(row["id"])))
    return _checked(found)


def _checked(pairs: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    every = [name for pair in pairs for name in pair]
    if len(set(every)) < len(every):
        twice = next(n for n in every if every.count(n) > 1)
        raise InputError(f"pairs: wanted each item in one pair, got {one_line(twice, 60)!r} twice")
    return tuple((str(a), str(b)) for a, b in pairs)


def scores_of(
    trials: Any, pairs: Sequence[tuple[str, str]], subjects: Sequence[str] | None
) -> tuple[tuple[str, ...], Floats, Floats]:
    """Subjects, and their mean scores on the published and the other item of each pair.

    Returns:
        Names, and two arrays of shape (subjects, pairs), NaN where there is no score.

    Raises:
        InputError: if there are no such subjects or items, or scores are not within 0–1.
    """
    from calibrant.records.read import read
    from calibrant.records.trials import SCHEMA

    whole = isinstance(trials, pl.DataFrame) and set(SCHEMA) <= set(trials.columns)
    table = trials if whole else read(trials, strict=True).trials
    names = table["subject"].unique().sort().to_list()
    if subjects is not None:
        if unknown := sorted(set(subjects) - set(names)):
            raise InputError(f"subjects: no {one_line(unknown[0], 60)!r} in the trials")
        names = list(subjects)
    scored = table.filter(pl.col("score").is_not_null() & pl.col("subject").is_in(names))
    if scored.is_empty():
        raise InputError("trials: none has a score")
    values = scored["score"].to_numpy()
    low, high = float(values.min()), float(values.max())
    if not 0 <= low <= high <= 1:
        raise InputError(f"trials: wanted scores from 0 to 1, got {low} to {high}")
    means = scored.group_by("subject", "item").agg(pl.col("score").mean())
    known: dict[tuple[str, str], float] = {}
    for subject, item, score in means.iter_rows():
        known[subject, id_of(item)] = score
        known[subject, item] = score

    def of(side: int) -> Floats:
        return np.array([[known.get((s, p[side]), math.nan) for p in pairs] for s in names])

    return tuple(names), of(0), of(1)


def _mean(x: Floats) -> Floats:
    """Mean of each column over what is not NaN, of which there is some."""
    known = ~np.isnan(x)
    found: Floats = np.where(known, x, 0.0).sum(axis=0) / known.sum(axis=0)
    return found


def _each(
    names: Sequence[str], left: Floats, right: Floats, both: NDArray[np.bool_], alpha: float
) -> tuple[SubjectTwins, ...]:
    rows, p = [], []
    for i, name in enumerate(names):
        use = both[i]
        if use.sum() < 2:
            continue
        a, b = left[i, use], right[i, use]
        found, low, high, _ = _interval(a, b, alpha)
        rows.append((name, int(use.sum()), float(a.mean()), float(b.mean()), found.difference,
                     low, high))  # fmt: skip
        p.append(found.p_value)
    if not rows:
        return ()
    return tuple(
        SubjectTwins(*row, float(q)) for row, q in zip(rows, adjust(p, "holm"), strict=True)
    )


def _planned(
    left: Floats, right: Floats, both: NDArray[np.bool_], some: NDArray[np.bool_], d: Floats,
    n: int, margin: float, alpha: float, power: float,
) -> tuple[float, int | None, int | None, float]:  # fmt: skip
    """The sd of pairs' differences; pairs and subjects needed; the chance with what there is."""
    sd = float(np.std(d, ddof=1))
    if sd == 0:
        # The exact bound on a share of which nothing was seen: 1 - alpha^(1/n).
        least = math.ceil(math.log(alpha) / math.log1p(-margin))
        return 0.0, least, None, float(n >= least)
    pairs = _least(lambda k: equivalence_power(k, 0.0, margin, sd, alpha=alpha), power)
    now = equivalence_power(n, 0.0, margin, sd, alpha=alpha)
    each = np.where(both, left - right, np.nan)[:, some]
    count = both[:, some].sum(axis=0)
    if count.max() < 2:
        return sd, pairs, None, now
    # Within a pair, subjects differ by their own answers; pairs differ by how hard they are.
    rest = float(np.nansum((each - d) ** 2) / max(int((count - 1).sum()), 1))
    own = max(0.0, sd**2 - rest * float(np.mean(1 / count)))
    more = _least(
        lambda s: equivalence_power(n, 0.0, margin, math.sqrt(own + rest / s) or 1e-9, alpha=alpha),
        power,
    )
    return sd, pairs, more, now


def _least(power_of: Any, power: float) -> int | None:
    try:
        return units_for(power_of, power)
    except InputError:
        return None
