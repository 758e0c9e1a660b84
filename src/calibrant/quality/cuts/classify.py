"""How often is a cut wrong about a subject? Accuracy, consistency, and the items they need.

From scores of one test: Livingston and Lewis (Journal of Educational Measurement 32 (1995) 179),
who replace the test by one of like binary items with its reliability, or the beta-binomial and the
compound binomial model of Hanson and Brennan (ibid. 27 (1990) 345). All integrals are by exact
rules; the interval is the bootstrap's over subjects.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, stdtrit

from calibrant.errors import InputError
from calibrant.quality.cuts.cut import Cut, check_direction, check_level
from calibrant.quality.cuts.truescore import (
    TrueScores,
    effective_items,
    fit,
    lords_k,
    passing,
    true_moments,
)

if TYPE_CHECKING:
    from calibrant._figure import Figure

Floats = NDArray[np.float64]

MODELS = ("livingston-lewis", "binomial", "compound")
_LONGEST = 100_000
_MANY = 1000


@dataclass(frozen=True)
class Errors:
    """Of observed scores around a true one.

    Attributes:
        items: of the binomial, perhaps effective.
        steps: equal steps of the observed score; None if it is continuous.
        k: Lord's, 0 for the binomial.
    """

    items: float
    steps: int | None
    k: float = 0.0

    def from_(self, cut: float) -> float:
        """The fewest right answers, perhaps a fraction, that reach a cut."""
        if self.steps is None:
            return cut * self.items + 0.5
        fewest = math.ceil(cut * self.steps - 1e-9)
        # The edge between two scores is where the scale of effective items is met.
        return (fewest - 0.5) / self.steps * self.items + 0.5


@dataclass(frozen=True)
class Classification:
    """How a cut classifies subjects like these.

    Attributes:
        cut: the score that is just acceptable, 0–1.
        direction: on which side a subject is acceptable.
        accuracy: chance that a subject's score and its true score lie on the same side, 0–1.
        consistency: chance that two tests of the kind put a subject on the same side.
        kappa: Cohen's, of two tests: consistency beyond chance.
        false_pass, false_fail: chance that a subject is passed, or failed, wrongly; with the
            accuracy they sum to 1.
        truly_acceptable: share of subjects whose true score is acceptable.
        sensitivity: share of the truly acceptable who pass; None if there are none.
        specificity: share of the others who fail; None if there are none.
        standard_error_at_cut: of the score of a subject just at the cut, 0–1.
        method: how it was found.
        items: of the test, or the effective number; may be a fraction.
        intervals: of accuracy and consistency over subjects, by name; None if there is none.
        level: of the intervals.
        true_scores: their distribution, where there is one.
        errors: how observed scores lie around true ones, where that is a (compound) binomial.
        notes: what a reader should know, one sentence each.
    """

    cut: float
    direction: str
    accuracy: float
    consistency: float
    kappa: float | None
    false_pass: float
    false_fail: float
    truly_acceptable: float
    sensitivity: float | None
    specificity: float | None
    standard_error_at_cut: float
    method: str
    items: float
    intervals: dict[str, tuple[float, float]] | None
    level: float
    true_scores: TrueScores | None
    errors: Errors | None
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return asdict(self) | {"notes": list(self.notes)}

    def plot(self) -> Figure:
        """Accuracy and consistency over the cut score.

        Raises:
            InputError: if there is no such curve.
        """
        from calibrant.quality.cuts.figures import Curve, curves_figure

        if self.true_scores is None or self.errors is None:
            raise InputError("figure: there is no curve of accuracy over the cut for a bank")
        below, true = self.direction == "below", self.true_scores
        true = turned(true) if below else true
        grid = np.linspace(0.02, 0.98, 97)
        rows = [table(true, self.errors, float(g)) for g in grid]
        x = 1 - grid if below else grid
        right, same = (np.array([r[i] for r in rows]) for i in (0, 1))
        at = _plain_cut(self)
        curves = [Curve("accuracy", x, right, "path"),
                  Curve("consistency", x, same, "futile", (5, 3))]  # fmt: skip
        return curves_figure("How often each cut is right about a subject", at, curves,
                             axis="cut score", said=self.method, top=1.0)  # fmt: skip

    def __repr__(self) -> str:
        kappa = "" if self.kappa is None else f", κ {self.kappa:.3f}"
        more = ""
        if self.intervals is not None:
            low, high = self.intervals["accuracy"]
            more = f" ({self.level:.0%} interval {low:.4f} to {high:.4f})"
        return (
            f"A cut at {self.cut:.4g} is right about {self.accuracy:.4f} of subjects{more}: false "
            f"pass {self.false_pass:.4f}, false fail {self.false_fail:.4f}; consistency "
            f"{self.consistency:.4f}{kappa} ({self.method})"
        )


def turned(true: TrueScores) -> TrueScores:
    """True scores of a scale on which less is better, as one on which more is, and back."""
    return replace(true, alpha=true.beta, beta=true.alpha, low=1 - true.high, high=1 - true.low)


def _plain_cut(found: Classification) -> Cut:
    side = check_direction(found.direction)
    return Cut(found.cut, side, None, found.cut, found.cut, found.level, "declared", 0, "subjects",
               None, False, None, "0" * 64)  # fmt: skip


def classify(
    scores: Sequence[float] | Floats,
    cut: float | Cut,
    *,
    items: int | None = None,
    reliability: float | None = None,
    model: str | None = None,
    moments: int | None = None,
    level: float = 0.95,
    direction: str | None = None,
    draws: int = 200,
    seed: int = 0,
) -> Classification:
    """How often a cut is wrong about subjects like these, from one test.

    Args:
        scores: observed scores, 0–1 between the possible ends of the scale, one a subject.
        cut: the score that is just acceptable; a subject exactly at it passes.
        items: how many equal steps the score has, such as the number of binary items; needed but
            for "livingston-lewis".
        reliability: of the scores, 0–1; needed but for "binomial", which takes items as equally
            hard.
        model: one of `MODELS`; by default Livingston and Lewis with a reliability, else binomial.
        moments: of true scores that are fitted, 4 as published or 2; by default 4 from 1,000
            subjects on, as the fourth moment of fewer is mostly noise.
        direction: "above" unless a cut says otherwise.
        draws: bootstrap samples of subjects for the intervals; 0 for none.

    Raises:
        InputError: for fewer than 10 subjects, scores outside 0–1, equal scores, or what a model
            needs and lacks.
    """
    check_level(level)
    at, side = _cut(cut, direction)
    x = np.asarray(scores, np.float64).ravel()
    _check(x, items, reliability, draws)
    if side == "below":
        x = 1 - x
    place = at if side == "above" else 1 - at
    name = model or ("binomial" if reliability is None else MODELS[0])
    if moments not in (None, 2, 4):
        raise InputError(f"moments: wanted 2 or 4, got {moments!r}")
    plan = _model(name, x, items, reliability, moments or (4 if x.size >= _MANY else 2))
    true, error = plan(x)
    found = table(true, error, place)
    intervals = _intervals(x, plan, place, level, draws, seed)
    notes = [true.rule] if true.rule else []
    if error.k < 0:
        notes.append(f"Lord's k is {error.k:.3g}, below 0: the reliability is less than that of "
                     "equally hard items")  # fmt: skip
    if intervals is None and draws:
        notes.append("no interval: many samples of these subjects tell nothing of true scores")
    if side == "below":
        true = turned(true)
    return Classification(
        at, side, *found, math.sqrt(max(0.0, place * (1 - place) / error.items)),
        _said(name, error, true), error.items, intervals, level, true, error, tuple(notes),
    )  # fmt: skip


_Row = tuple[float, float, float | None, float, float, float, float | None, float | None]


def table(true: TrueScores, error: Errors, cut: float) -> _Row:
    """Accuracy, consistency, κ, false pass and fail, truly acceptable, sensitivity, specificity."""
    scores, weights, good = true.nodes(cut)
    pass_ = passing(scores, error.items, error.from_(cut), error.k)
    return tallied(weights, good, pass_)


def tallied(weights: Floats, good: NDArray[np.bool_], pass_: Floats) -> _Row:
    """As `table`, from the chance to pass at each true score."""
    wrong = float(weights[~good] @ pass_[~good])
    missed = float(weights[good] @ (1 - pass_[good]))
    share = float(weights[good].sum())
    both = float(weights @ (pass_**2 + (1 - pass_) ** 2))
    passed = float(weights @ pass_)
    chance = passed**2 + (1 - passed) ** 2
    kappa = (both - chance) / (1 - chance) if chance < 1 - 1e-12 else None
    sensitivity = 1 - missed / share if share > 1e-12 else None
    specificity = 1 - wrong / (1 - share) if share < 1 - 1e-12 else None
    return 1 - wrong - missed, both, kappa, wrong, missed, share, sensitivity, specificity


def items_needed(found: Classification, target: float) -> int | None:
    """The fewest items with which the accuracy is at least a target, for like items and subjects.

    Args:
        found: from `classify`; its items are those of the test it was found with.
        target: accuracy, 0–1.

    Returns:
        A number of items, effective ones for Livingston and Lewis; None beyond 100,000.

    Raises:
        InputError: if the target is not between 0 and 1, or there are no true scores.
    """
    if not 0 < target < 1:
        raise InputError(f"target: wanted an accuracy between 0 and 1, got {target!r}")
    if found.true_scores is None:
        raise InputError("items needed: wanted a classification from scores, got one from a bank")
    true, cut = found.true_scores, found.cut
    if found.direction == "below":
        true, cut = turned(true), 1 - cut

    def enough(n: int) -> bool:
        # Without steps: a smooth curve has one crossing, whatever cut · n rounds to.
        return table(true, Errors(float(n), None), cut)[0] >= target

    low, high = 0, 1
    while not enough(high):
        low, high = high, 2 * high
        if high > _LONGEST:
            return None
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _cut(cut: float | Cut, direction: str | None) -> tuple[float, str]:
    if isinstance(cut, Cut):
        if direction not in (None, cut.direction):
            raise InputError(f"direction: wanted {cut.direction}, as the cut says, got {direction}")
        at, side = cut.value, cut.direction
    else:
        at, side = float(cut), check_direction(direction or "above")
    if not 0 < at < 1:
        raise InputError(f"cut: wanted a score between 0 and 1, got {at!r}")
    return at, side


def _check(x: Floats, items: int | None, reliability: float | None, draws: int) -> None:
    if x.size < 10:
        raise InputError(
            f"scores: wanted at least 10 subjects, whose spread tells of true scores, got {x.size}"
        )
    if np.isnan(x).any() or not ((x >= 0) & (x <= 1)).all():
        raise InputError("scores: wanted a number from 0 to 1 for every subject")
    if np.ptp(x) == 0:
        raise InputError(f"scores: all are {x[0]:g}")
    if items is not None and not 4 <= items <= _LONGEST:
        raise InputError(f"items: wanted 4 to {_LONGEST:,}, got {items!r}")
    if reliability is not None and not 0 < reliability < 1:
        raise InputError(f"reliability: wanted between 0 and 1, got {reliability!r}")
    if not 0 <= draws <= 100_000:
        raise InputError(f"draws: wanted 0 to 100,000, got {draws!r}")


_Plan = Callable[[Floats], tuple[TrueScores, Errors]]


def _model(
    name: str, whole: Floats, items: int | None, reliability: float | None, use: int
) -> _Plan:
    if name not in MODELS:
        raise InputError(f"model: wanted one of {', '.join(MODELS)}, got {name!r}")
    if name != "livingston-lewis" and items is None:
        raise InputError(f"items: wanted the number of items for the {name} model")
    if name != "binomial" and reliability is None:
        raise InputError(f"reliability: wanted that of the scores for the {name} model")
    noise = float(whole.var()) * (1 - (reliability or 0.0))

    def plan(x: Floats) -> tuple[TrueScores, Errors]:
        mean, variance = float(x.mean()), float(x.var())
        # The error of a score does not depend on who else was tested; the reliability does.
        own = min(max(1 - noise / variance, 0.001), 0.999) if variance > 0 else 0.001
        if name == "livingston-lewis":
            size = max(4, round(effective_items(mean, variance, own)))
            return fit(true_moments(x * size, size), use), Errors(size, items)
        assert items is not None
        k = 0.0
        if name == "compound":
            k = lords_k(items, mean * items, variance * items**2, own)
        return fit(true_moments(x * items, items, k), use), Errors(items, items, k)

    return plan


def _intervals(
    x: Floats, plan: _Plan, cut: float, level: float, draws: int, seed: int
) -> dict[str, tuple[float, float]] | None:
    """Student's interval of the logit with the bootstrap's standard error over subjects.

    None if a tenth or more of the samples tell nothing of true scores.
    """
    if draws < 2:
        return None
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        sample = x[rng.integers(0, x.size, x.size)]
        try:
            found.append(table(*plan(sample), cut)[:2])
        except InputError:
            # A sample without spread beyond chance: counted as telling nothing.
            continue
    if len(found) < 0.9 * draws:
        return None
    at = logit(np.clip(table(*plan(x), cut)[:2], 1e-9, 1 - 1e-9))
    spread = np.std(logit(np.clip(found, 1e-9, 1 - 1e-9)), axis=0, ddof=1)
    reach = float(stdtrit(x.size - 1, (1 + level) / 2)) * spread
    low, high = expit(at - reach), expit(at + reach)
    return {name: (float(low[i]), float(high[i]))
            for i, name in enumerate(("accuracy", "consistency"))}  # fmt: skip


def _said(name: str, error: Errors, true: TrueScores) -> str:
    what = {
        "livingston-lewis": f"Livingston–Lewis, {error.items:.0f} effective items",
        "binomial": f"beta-binomial, {error.items:.0f} items",
        "compound": f"beta compound binomial, {error.items:.0f} items, Lord's k {error.k:.3f}",
    }[name]
    return f"{what}, {true.moments} moments"
