"""Does the ability jump, or the metric? A test of what smaller subjects foresaw at each rung.

At a cut, a line through the smaller subjects foresees a part of the rise to the next scale. Where
accuracy's rise was mostly unforeseen but that of the graded score was mostly foreseen, the jump
comes from the metric; where most of the graded score's rise was unforeseen too, the ability itself
went another way than before.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from scipy import special

from calibrant.errors import UnfitError
from calibrant.scaling.metrics.lines import (
    Cut,
    cuts,
    fieller,
    foreseen,
    item_covariance,
    residual_variance,
)
from calibrant.scaling.metrics.rungs import GRADED, Answers, Floats, Link, rung

Says = Literal["metric", "ability", "none", "undetermined"]
LEAST = 4
"""Scales below a cut of the test: two degrees of freedom for the scatter about a line."""
REACH = 2
"""Scales above it, at most."""


@dataclass(frozen=True)
class Unforeseen:
    """The share of a rung's rise that a line through smaller subjects missed.

    Attributes:
        rung, link: its name, and the scale of the line.
        share: 1 - foreseen / rise; 0 if all was foreseen, 1 if none, below 0 if more;
            None without a rise.
        interval: of the share, Fieller's; None if the rise cannot be told from none.
        above, below: by how many times its error the share is above a half, and below: 1 is
            enough for a statement. Negative or 0 if it is not; 0 without a rise.
    """

    rung: str
    link: Link
    share: float | None
    interval: tuple[float, float] | None
    above: float
    below: float

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Emergence:
    """Whether the metric jumps or the ability.

    Attributes:
        says: "metric", "ability", "none" (the rise was foreseen in the mark itself) or
            "undetermined".
        why: in one sentence.
        cut: base-10 logarithm of the largest scale before the jump; None without a cut.
        next: that of the scale after it.
        cuts: among how many it was sought; the error is divided by them.
        mark, base: the rungs that are compared.
        error: of each one-sided test, before division.
        unforeseen: of every rung at the cut.
    """

    says: Says
    why: str
    cut: float | None
    next: float | None
    cuts: int
    mark: str
    base: str
    error: float
    unforeseen: tuple[Unforeseen, ...]

    def __repr__(self) -> str:
        return f"{self.says}: {self.why}"

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def unforeseen(
    answers: Answers, name: str, link: Link, cut: Cut, error: float, se: Floats | None = None
) -> Unforeseen:
    """The unforeseen share of a rung's rise at a cut.

    The line's scatter gives a variance with (subjects below - 2) degrees of freedom, exact for
    equal normal errors (Chow, 1960, Tests of equality between sets of coefficients in two linear
    regressions, Econometrica 28); the sampling of item clusters gives another, and the larger one
    counts. The interval is that of a ratio (Fieller, 1954, JRSS B 16).

    Args:
        cut: subjects below and above, as `lines.cuts` gives them.
        error: of each side.
        se: shape (S,), standard errors of a rung of which no items are known; NaN where unknown.
    """
    below = cut[0]
    r, y = rung(name), answers.values[name].mean(axis=1)
    g, w = r.linked(y, link), foreseen(answers.scale, cut)
    told = w @ g
    scatter = residual_variance(answers.scale[below], g[below]) * (w @ w.T)
    if se is None:
        sampled = item_covariance(answers, name, link, w)
    else:
        sampled = (w * (r.slope(y, link) * np.nan_to_num(se)) ** 2) @ w.T
    half = np.array([-1.0, 0.5])
    v = max((scatter, sampled), key=lambda v: float(half @ v @ half))
    t = float(special.stdtrit(len(below) - 2, 1 - error))
    error_of = max(t * float(np.sqrt(max(half @ v @ half, 0.0))), 1e-12)
    rise_error = t * np.sqrt(max(scatter[1, 1], sampled[1, 1], 0.0))
    if told[1] <= max(rise_error, 1e-12):  # a share of no rise has no meaning
        return Unforeseen(name, link, None, None, 0.0, 0.0)
    above = float(half @ told) / error_of
    ends = fieller(told, v, t)
    return Unforeseen(
        name, link, float(1 - told[0] / told[1]),
        None if ends is None else (1 - ends[1], 1 - ends[0]), above, -above,
    )  # fmt: skip


def emergence(
    answers: Answers,
    *,
    mark: str | None = None,
    base: str | None = None,
    cut: float | None = None,
    error: float = 0.05,
    se: dict[str, Floats] | None = None,
) -> Emergence:
    """Say whether the metric jumps or the ability.

    Args:
        mark: the rung that seems to jump; by default accuracy, else the highest there is.
        base: the rung that stands for the ability; by default log share, else log-probability.
        cut: base-10 logarithm of a scale: the jump is to the next scale above it. By default the
            largest rise of the mark is sought, and the error divided by the number of cuts.
        error: that each statement may be wrong with, one-sided.

    Raises:
        UnfitError: if there is no mark or no graded rung, or no cut has `LEAST` scales below.
    """
    mark, base = chosen(answers, mark, base)
    every = cuts(answers.scale, LEAST, REACH)
    if cut is not None:
        every = [c for c in every if answers.scale[c[0]].max() <= cut < answers.scale[c[1]].min()]
    if not every:
        why = _few(answers, cut)
        return Emergence("undetermined", why, None, None, 0, mark, base, error, ())
    each = error / len(every)

    def seen(name: str, cut: Cut) -> tuple[Unforeseen, ...]:
        links = rung(name).links
        return tuple(
            unforeseen(answers, name, link, cut, each / len(links), (se or {}).get(name))
            for link in links
        )

    at = max(every, key=lambda c: seen(mark, c)[0].above)
    found = {name: seen(name, at) for name in answers.values}
    says, why = _verdict(found[mark][0], found[base])
    last, next_ = float(answers.scale[at[0]].max()), float(answers.scale[at[1]].max())
    shown = tuple(min(some, key=lambda u: _far(u.share)) for some in found.values())
    return Emergence(says, why, last, next_, len(every), mark, base, error, shown)


def _far(share: float | None) -> float:
    return np.inf if share is None else abs(share)


def _few(answers: Answers, cut: float | None) -> str:
    many = len(np.unique(answers.scale))
    if cut is not None:
        return f"wanted {LEAST} scales up to the cut and one above it"
    return f"{many} scales; {LEAST + 1} are needed: {LEAST} below a cut and one above"


def _verdict(mark: Unforeseen, base: tuple[Unforeseen, ...]) -> tuple[Says, str]:
    """What the tests say; a smooth curve is one that is straight on at least one of the scales.

    So "ability" needs all scales to agree, and "metric" needs one of them, whence their errors are
    divided by their number.
    """
    m, b = f"{mark.rung}'s rise", f"{base[0].rung}'s"
    if mark.below >= 1:
        return "none", f"smaller subjects foresaw most of {m}: there is no jump to explain"
    if mark.above < 1:
        why = "cannot be told from none" if mark.share is None else "may have been foreseen"
        return "undetermined", f"{m} {why}"
    if all(u.above >= 1 for u in base):
        return "ability", f"most of {m} was unforeseen, and most of {b} too: the ability broke"
    if any(u.below >= 1 for u in base):
        return "metric", f"most of {m} was unforeseen, but most of {b} was foreseen"
    why = "cannot be told from none" if base[0].share is None else "may have been foreseen"
    return "undetermined", f"most of {m} was unforeseen, but {b} {why}"


def chosen(answers: Answers, mark: str | None, base: str | None) -> tuple[str, str]:
    """The rungs that are compared.

    Raises:
        UnfitError: if one of them is not there.
    """
    there = list(answers.values)
    marks = [r for r in there if r == "accuracy"] or [r for r in there if r.startswith("pass^")]
    graded = [r for r in GRADED if r in there]
    if not (mark or marks) or not (base or graded):
        lack = "graded score (log-probability, share)" if marks else "mark (accuracy, pass^k)"
        raise UnfitError(f"metrics: {answers.measure[:60]!r} has no {lack} to compare with")
    mark, base = mark or marks[-1], base or graded[0]
    for name in (mark, base):
        if name not in there:
            raise UnfitError(f"metrics: no rung {name[:60]!r}; there are {', '.join(there)}")
    return mark, base
