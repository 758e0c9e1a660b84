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
    Reading,
    cuts,
    fieller,
    foreseen,
    item_covariance,
    parallel,
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
        cuts: among how many it was sought; the error is shared among them.
        mark, base: the rungs that are compared.
        error: of each one-sided statement, over all cuts.
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

    The scatter about a line gives a variance, exact for equal normal errors (Chow, 1960, Tests of
    equality between sets of coefficients in two linear regressions, Econometrica 28); the sampling
    of item clusters gives another, and the larger one counts. The interval is that of a ratio
    (Fieller, 1954, JRSS B 16). That most was unforeseen is said by those below alone. That most was
    foreseen may also be said with the slope and scatter of both sides of the cut, since a smooth
    curve goes on after it: each of the two ways has half of the error.

    Args:
        cut: subjects below and above, as `lines.cuts` gives them.
        error: of each side.
        se: shape (S,), standard errors of a rung of which no items are known; NaN where unknown.
    """
    r, y = rung(name), answers.values[name].mean(axis=1)
    g = r.linked(y, link)

    def read(way: Reading, error: float) -> tuple[Floats, Floats, float, float] | None:
        """Rises, their covariance, t, and by how many errors the share is above a half."""
        told, scatter = way.w @ g, way.scatter(g)
        if se is None:
            sampled = item_covariance(answers, name, link, way.w)
        else:
            sampled = (way.w * (r.slope(y, link) * np.nan_to_num(se)) ** 2) @ way.w.T
        v = max((scatter, sampled), key=lambda v: float(_HALF @ v @ _HALF))
        t = float(special.stdtrit(way.df, 1 - error))
        if told[1] <= max(t * np.sqrt(max(scatter[1, 1], sampled[1, 1], 0.0)), 1e-12):
            return None  # a share of no rise has no meaning
        off = max(t * float(np.sqrt(max(_HALF @ v @ _HALF, 0.0))), 1e-12)
        return told, v, t, float(_HALF @ told) / off

    line, both = foreseen(answers.scale, cut), parallel(answers.scale, cut)
    one = read(line, error)
    if one is None:
        return Unforeseen(name, link, None, None, 0.0, 0.0)
    told, v, t, above = one
    many = len(np.unique(answers.scale[cut[1]])) > 1
    ways = [read(way, error / 2) for way in (line, both)] if many else [one]
    below = max((-way[3] for way in ways if way is not None), default=0.0)
    ends = fieller(told, v, t)
    return Unforeseen(
        name, link, float(1 - told[0] / told[1]),
        None if ends is None else (1 - ends[1], 1 - ends[0]), above, below,
    )  # fmt: skip


_HALF = np.array([-1.0, 0.5])
"""Half of the rise less what was foreseen: above 0 if most was not."""


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
            jump of the mark is sought, and the error shared among the cuts, see `shared`.
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
    each = shared(answers, mark, every, error)

    def seen(name: str, i: int) -> tuple[Unforeseen, ...]:
        own = (se or {}).get(name)
        return tuple(
            unforeseen(answers, name, link, every[i], each[i], own) for link in rung(name).links
        )

    i = max(range(len(every)), key=lambda i: seen(mark, i)[0].above)
    at, found = every[i], {name: seen(name, i) for name in answers.values}
    # That there is a rise at all is asked at an equal part of the error: at chance, the largest of
    # several rises is there for any sample.
    link = rung(mark).links[0]
    strict = unforeseen(answers, mark, link, at, error / len(every), (se or {}).get(mark))
    says, why = _verdict(strict if strict.share is None else found[mark][0], found[base])
    if says == "undetermined" and cut is None:
        why += _early(answers, mark)
    last, next_ = float(answers.scale[at[0]].max()), float(answers.scale[at[1]].max())
    shown = tuple(min(some, key=lambda u: _far(u.share)) for some in found.values())
    return Emergence(says, why, last, next_, len(every), mark, base, error, shown)


def shared(answers: Answers, mark: str, every: list[Cut], error: float) -> list[float]:
    """The error of each cut: by the squares of the mark's rise from the last scale below it.

    A jump is sought where the mark rises, so that cuts at which it does not need no error. The
    rises are themselves observed, so that this is tried by simulation, not exact.
    """
    x, y = answers.scale, answers.values[mark].mean(axis=1) * rung(mark).better
    last = [y[b][x[b] == x[b].max()].mean() for b, _ in every]
    rise = np.array([max(y[c[1]].mean() - a, 0.0) for a, c in zip(last, every, strict=True)])
    if not rise.any():
        return [error / len(every)] * len(every)
    size = (rise / rise.max()) ** 2
    return [max(float(e), 1e-6) for e in error * size / size.sum()]


def _far(share: float | None) -> float:
    return np.inf if share is None else abs(share)


def _early(answers: Answers, mark: str) -> str:
    """What is to be known of a jump that stands before any cut that can be tested."""
    levels = np.unique(answers.scale)
    y = answers.values[mark].mean(axis=1) * rung(mark).better
    steps = np.diff([y[answers.scale == x].mean() for x in levels])
    i = int(np.argmax(steps))
    if steps[i] <= 0 or i + 1 >= LEAST:
        return ""
    return f"; its largest step has {i + 1} scales below it, and {LEAST} are needed"


def _few(answers: Answers, cut: float | None) -> str:
    many = len(np.unique(answers.scale))
    if cut is not None:
        return f"wanted {LEAST} scales up to the cut and one above it"
    return f"{many} scales; {LEAST + 1} are needed: {LEAST} below a cut and one above"


def _verdict(mark: Unforeseen, base: tuple[Unforeseen, ...]) -> tuple[Says, str]:
    """What the tests say; a smooth curve is one that is straight on at least one of the scales.

    So "ability" needs all scales to agree, which is exact, and "metric" one of them. The scales
    bend one line, and of a curve at the border on one of them the others mostly miss more: its
    error is not divided by their number, and tried by simulation at that border.
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
    none = all(u.share is None for u in base)
    why = "cannot be told from none" if none else "may have been foreseen"
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
