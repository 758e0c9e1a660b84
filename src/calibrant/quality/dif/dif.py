"""The verb `dif`: do items treat two groups of subjects of equal ability alike?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, logit, ndtri

from calibrant.errors import InputError
from calibrant.quality.bank import Floats
from calibrant.quality.dif.firth import firth, log_likelihood
from calibrant.quality.dif.groups import Group, two_groups
from calibrant.quality.dif.mantel import Mantel, mantel_haenszel, strata_of
from calibrant.quality.dif.ratio import Ratios
from calibrant.quality.dif.result import TESTS, Dif, IrtGroups, ItemDif, Test
from calibrant.quality.read import read_responses
from calibrant.stats.comparisons.multiplicity import Adjustment, adjust

ROUNDS = 10
"""Times the matching score is purified at most."""

_CHUNK = 2_000_000
_LEAST_ITEMS = 4


def dif(
    responses: Any,
    *,
    group: Group,
    focal: str | None = None,
    reference: str | None = None,
    before: str | None = None,
    test: Test = "logistic",
    purify: bool = True,
    adjustment: Adjustment = "benjamini-hochberg",
    alpha: float = 0.05,
    level: float = 0.95,
    permutations: int = 9999,
    seed: int = 0,
    **reading: Any,
) -> Dif:
    """Compare two groups of subjects item by item, at equal score on the other items.

    - "logistic": a regression of each item on the score and the group (Swaminathan and Rogers,
      J. Educ. Meas. 27 (1990) 361), by Firth's penalised likelihood; scores between 0 and 1 count
      as shares of a success. It needs no strata, so a few dozen subjects of unequal ability do.
    - "non-uniform": the same, with a difference that may change with the score (2 degrees of
      freedom).
    - "mantel-haenszel": within thin strata of the score, exact given each stratum's numbers; for
      graded scores Mantel's statistic, by permutation.
    - "irt-lr": likelihood ratios of item response models (Thissen, Steinberg and Wainer 1993), a
      2pl or, for a few grades, a grm: each item with a slope and difficulty of the focal group's
      own against common ones, flagged items having their own throughout, and the focal group a
      mean and sd of ability of its own.

    Args:
        responses: whatever `read_responses` takes.
        group, focal, reference, before: see `two_groups`.
        purify: leave flagged items out of the score that the others are matched on, and compare
            again, until the same are flagged.
        adjustment: of p-values for being many.
        alpha: rate of false findings among those flagged.
        permutations, seed: for graded scores.
        reading: further arguments of `read_responses`.

    Raises:
        InputError: for groups too small, fewer than four items that vary, unknown options.
    """
    if test not in TESTS:
        raise InputError(f"test: wanted one of {', '.join(TESTS)}, got {test!r}")
    for name, value in (("alpha", alpha), ("level", level)):
        if not 0 < value < 1:
            raise InputError(f"{name}: wanted strictly between 0 and 1, got {value!r}")
    found = read_responses(responses, **reading)
    focal_name, reference_name, code = two_groups(
        found, group, focal=focal, reference=reference, before=before
    )
    chosen = np.flatnonzero(code >= 0)
    y, is_focal = found.unit[chosen].round(9), code[chosen] == 1
    usable = _usable(y, is_focal)
    if usable.sum() < _LEAST_ITEMS:
        raise InputError(
            f"items: wanted at least {_LEAST_ITEMS} that vary and that both groups answered, "
            f"got {int(usable.sum())}"
        )
    clean, rounds = usable.copy(), 0
    seen: set[bytes] = set()
    ratios, compared = None, None
    if test == "irt-lr":
        if purify:
            clean = _begun(y, is_focal, usable, adjustment, alpha)
        ratios = Ratios(y[:, usable], is_focal, clean[usable])
    while True:
        if ratios is None:
            compared = _compared(y, is_focal, usable, clean, level, permutations, seed)
            p = compared.p_of(test)
        else:
            p = np.full(usable.size, np.nan)
            p[usable] = ratios.p(clean[usable])
        adjusted = np.full(p.size, np.nan)
        adjusted[usable] = adjust(p[usable], adjustment)
        flagged = usable & (adjusted <= alpha)
        left = usable & ~flagged
        if not purify or rounds == ROUNDS or left.sum() < _LEAST_ITEMS:
            break
        if (left == clean).all() or left.tobytes() in seen:
            break
        seen.add(left.tobytes())
        clean, rounds = left, rounds + 1
    if compared is None:
        compared = _compared(y, is_focal, usable, clean, level, permutations, seed)
    items, groups = list(compared.told(found.items, p, adjusted, flagged)), None
    if ratios is not None:
        curves, groups = ratios.told(clean[usable], level)
        for j, curve in zip(np.flatnonzero(usable), curves, strict=True):
            items[j] = replace(items[j], irt=curve)
    one, many = _detectable(compared.score, is_focal, int(usable.sum()))
    rest = _rest(y, clean)[0]
    impact = float((rest[is_focal].mean() - rest[~is_focal].mean()) / max(rest.std(), 1e-12))
    notes = (*found.notes, *_notes(usable, flagged, clean, impact, is_focal, groups))
    return Dif(
        focal_name, reference_name, int(is_focal.sum()), int((~is_focal).sum()), test, adjustment,
        alpha, level, impact, tuple(items), rounds, one, many, notes, groups,
    )  # fmt: skip


def _begun(
    y: Floats, focal: NDArray[np.bool_], usable: NDArray[np.bool_], adjustment: Adjustment,
    alpha: float,
) -> NDArray[np.bool_]:  # fmt: skip
    """Anchors to begin with: items that a regression does not flag.

    An item that all but names the group would otherwise have ability be the group.
    """
    chosen = np.flatnonzero(usable)
    p = _regressed(y[:, chosen].T, _scores(y, usable)[chosen], focal)[3]
    clean = usable.copy()
    clean[chosen[adjust(p, adjustment) <= alpha]] = False
    return clean if clean.sum() >= _LEAST_ITEMS else usable.copy()


@dataclass(frozen=True, eq=False)
class _Compared:
    """Every item by every method; arrays of shape (items,), NaN where it is not usable."""

    answers: NDArray[np.int64]
    score: Floats
    odds: Floats
    error: Floats
    reach: float
    r2: Floats
    p_logistic: Floats
    p_nonuniform: Floats
    p_both: Floats
    mantel: Mantel

    def p_of(self, test: Test) -> Floats:
        """The p-values that decide."""
        if test == "mantel-haenszel":
            return np.where(np.isnan(self.p_logistic), np.nan, self.mantel.p)
        return self.p_logistic if test == "logistic" else self.p_both

    def told(
        self, names: tuple[str, ...], p: Floats, adjusted: Floats, flagged: NDArray[np.bool_]
    ) -> tuple[ItemDif, ...]:
        """As results."""
        m = self.mantel
        delta = 2.35 * m.odds
        return tuple(
            ItemDif(
                name, int(self.answers[j]), _known(self.odds[j]), _known(self.error[j]),
                _known(self.odds[j] - self.reach * self.error[j]),
                _known(self.odds[j] + self.reach * self.error[j]), _known(delta[j]),
                _ets(float(delta[j]), 2.35 * float(m.error[j]), float(m.p[j])),
                _known(m.difference[j]), _known(self.r2[j]), _known(self.p_logistic[j]),
                _known(self.p_nonuniform[j]),
                _known(m.p[j]) if np.isfinite(self.p_logistic[j]) else None, _known(p[j]),
                _known(adjusted[j]), bool(flagged[j]),
            )
            for j, name in enumerate(names)
        )  # fmt: skip


def _usable(y: Floats, focal: NDArray[np.bool_]) -> NDArray[np.bool_]:
    seen = ~np.isnan(y)
    low = np.where(seen, y, np.inf).min(axis=0)
    high = np.where(seen, y, -np.inf).max(axis=0)
    both = (seen & focal[:, None]).any(axis=0) & (seen & ~focal[:, None]).any(axis=0)
    found: NDArray[np.bool_] = both & (high > low)
    return found


def _rest(y: Floats, clean: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Each subject's sum over clean items, centred by item, and how many it answered."""
    part = y[:, clean]
    seen = ~np.isnan(part)
    mean = np.where(seen, part, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    total = np.where(seen, part - mean, 0.0).sum(axis=1)
    count = seen.sum(axis=1)
    return total / np.maximum(count, 1) + float(mean.mean()), count.astype(np.float64)


def _scores(y: Floats, clean: NDArray[np.bool_]) -> Floats:
    """Shape (items, subjects): logit of the mean score on the clean items and the one studied.

    The item studied belongs in the score: under a Rasch model subjects of one total are equal only
    then (Holland and Thayer 1988).
    """
    rest, count = _rest(y, clean)
    mean = np.nanmean(np.where(np.isnan(y).all(axis=0), 0.0, y), axis=0)
    own = np.where(np.isnan(y), 0.0, y - mean).T
    seen = (~np.isnan(y)).T * (~clean)[:, None]
    share = (rest * count + own * seen) / np.maximum(count + seen, 1)
    share = (np.clip(share, 0.0, 1.0) * (count + seen) + 0.5) / (count + seen + 1)
    found: Floats = logit(share)
    return found


def _compared(
    y: Floats, focal: NDArray[np.bool_], usable: NDArray[np.bool_], clean: NDArray[np.bool_],
    level: float, permutations: int, seed: int,
) -> _Compared:  # fmt: skip
    score = _scores(y, clean)
    chosen = np.flatnonzero(usable)
    empty = np.full(y.shape[1], np.nan)
    odds, error, r2, one, non, both = (empty.copy() for _ in range(6))
    rows = max(1, _CHUNK // (16 * len(y)))
    for start in range(0, chosen.size, rows):
        j = chosen[start : start + rows]
        odds[j], error[j], r2[j], one[j], non[j], both[j] = _regressed(y[:, j].T, score[j], focal)
    rest = _rest(y, clean)[0]
    mantel = mantel_haenszel(y, focal, strata_of(rest, focal), rounds=permutations, seed=seed)
    reach = float(-ndtri((1 - level) / 2))
    answers = (~np.isnan(y)).sum(axis=0)
    return _Compared(answers, score, odds, error, reach, r2, one, non, both, mantel)


def _regressed(y: Floats, score: Floats, focal: NDArray[np.bool_]) -> tuple[Floats, ...]:
    """Log odds ratio, its error, ΔR², p of a difference, of it changing, of both: items."""
    weight = (~np.isnan(y)).astype(np.float64)
    y = np.nan_to_num(y)
    count = weight.sum(axis=1, keepdims=True)
    middle = (weight * score).sum(axis=1, keepdims=True) / count
    spread = np.sqrt((weight * (score - middle) ** 2).sum(axis=1, keepdims=True) / count)
    s = (score - middle) / np.maximum(spread, 1e-9)
    g = np.broadcast_to(focal.astype(np.float64), y.shape)
    g = g - (weight * g).sum(axis=1, keepdims=True) / count
    three = np.stack([np.ones_like(s), s, g], axis=2)
    four = np.concatenate([three, (s * g)[:, :, None]], axis=2)
    beta, free, covariance = firth(three, y, weight, [0, 1, 2])
    null_beta, null, _ = firth(three, y, weight, [0, 1])
    four_beta, whole, _ = firth(four, y, weight, [0, 1, 2, 3])
    part = firth(four, y, weight, [0, 1, 2])[1]
    none = firth(four, y, weight, [0, 1])[1]
    mean = (weight * y).sum(axis=1) / count[:, 0]
    flat = log_likelihood(three[:, :, :1], y, weight, logit(np.clip(mean, 1e-9, 1 - 1e-9))[:, None])
    r2 = [_nagelkerke(log_likelihood(x, y, weight, b), flat, count[:, 0])
          for x, b in ((four, four_beta), (three, null_beta))]  # fmt: skip
    return (
        beta[:, 2], np.sqrt(np.maximum(covariance[:, 2, 2], 0.0)), np.maximum(r2[0] - r2[1], 0.0),
        chdtrc(1, np.maximum(2 * (free - null), 0.0)),
        chdtrc(1, np.maximum(2 * (whole - part), 0.0)),
        chdtrc(2, np.maximum(2 * (whole - none), 0.0)),
    )  # fmt: skip


def _nagelkerke(fitted: Floats, flat: Floats, n: Floats) -> Floats:
    top = 1 - np.exp(np.minimum(2 * (flat - fitted) / n, 0.0))
    found: Floats = top / np.maximum(1 - np.exp(2 * flat / n), 1e-12)
    return found


def _ets(delta: float, error: float, p: float) -> str | None:
    """Zieky's classes: C at least 1.5 and surely above 1; A below 1 or perhaps 0; else B."""
    if not np.isfinite(delta) or not np.isfinite(error):
        return None
    size = abs(delta)
    if size < 1 or p > 0.05:
        return "A"
    return "C" if size >= 1.5 and (size - 1) / error > 1.645 else "B"


def _detectable(score: Floats, focal: NDArray[np.bool_], items: int) -> tuple[float, float]:
    """Odds ratios found with a chance of 80 % on an item of middling difficulty."""
    s = score.mean(axis=0)
    x = np.column_stack([np.ones_like(s), s])
    g = focal.astype(np.float64)
    left = g - x @ np.linalg.lstsq(x, g, rcond=None)[0]
    error = 1.0 / np.sqrt(max(0.2 * float(left @ left), 1e-12))
    reach = [-ndtri(a / 2) + ndtri(0.8) for a in (0.05, 0.05 / items)]
    odds = [float(np.exp(min(r * error, 700.0))) for r in reach]
    return odds[0], odds[1]


def _notes(
    usable: NDArray[np.bool_], flagged: NDArray[np.bool_], clean: NDArray[np.bool_],
    impact: float, focal: NDArray[np.bool_], groups: IrtGroups | None,
) -> tuple[str, ...]:  # fmt: skip
    notes = []
    if (~usable).any():
        notes.append(f"{int((~usable).sum())} items do not vary, or one group did not answer them")
    if groups is not None and abs(groups.mean) > 3:
        notes.append(
            f"the groups' abilities differ by {abs(groups.mean):.1f} sd: an item may all but name "
            "the group"
        )
    if clean.sum() < 20 and groups is None:
        notes.append(
            f"matched on {int(clean.sum())} items: a short score errs, and where the groups differ "
            "in ability, that error passes for unequal treatment"
        )
    if abs(impact) > 1:
        notes.append(
            f"the groups differ by {abs(impact):.1f} sd in their mean score, so few subjects are "
            "comparable"
        )
    if usable.sum() and flagged.sum() > 0.3 * usable.sum():
        notes.append(
            "more than 30 % of the items are flagged: there may be two abilities rather than items "
            "that are unfair"
        )
    if min(focal.sum(), (~focal).sum()) < 20:
        notes.append("a group has fewer than 20 subjects: only large differences can be seen")
    return tuple(notes)


def _known(x: float) -> float | None:
    return float(x) if np.isfinite(x) else None
