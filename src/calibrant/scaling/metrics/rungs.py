"""What does one set of answers say at each rung of the metric ladder? Item by item.

From the log-probability of the right answer, which every subject has, through its share among the
choices, to the marks that benchmarks print. Schaeffer, Miranda and Koyejo (2023), Are emergent
abilities of large language models a mirage?; Schaeffer et al. (2024), Why has predicting downstream
capabilities of frontier AI models with scale remained elusive?
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from calibrant.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Link = Literal["as it is", "log loss", "log odds"]


@dataclass(frozen=True)
class Rung:
    """One metric of the ladder.

    Attributes:
        name: such as "log share".
        says: what it is, in a few words.
        links: on which scales a straight line in log compute is tried: "as it is" (what a plot
            shows), "log loss" (a power law of the distance to perfect), "log odds" (of a share, or
            of the share whose logarithm it is).
        low, high: the lowest and the highest value there can be.
        better: 1 if more is better, -1 if less.
    """

    name: str
    says: str
    links: tuple[Link, ...]
    low: float
    high: float
    better: int = 1

    def linked(self, y: Floats, link: Link) -> Floats:
        """Values on the scale of a fit, where more is better."""
        y = np.asarray(y, dtype=float)
        if link == "as it is":
            return self.better * y
        if link == "log loss":
            return -np.log(np.maximum(-self.better * y, TINY))
        log = y if self.low < 0 else np.log(np.maximum(y, TINY))
        log = np.minimum(log, -TINY)
        return np.asarray(log - np.log(-np.expm1(log)))

    def unlinked(self, g: Floats, link: Link) -> Floats:
        """Values as reported, from those on the scale of a fit; within limits."""
        if link == "as it is":
            y = self.better * g
        elif link == "log loss":
            y = -self.better * np.exp(np.minimum(-g, 700.0))
        else:
            y = special.log_expit(g) if self.low < 0 else special.expit(g)
        return np.clip(y, self.low, self.high)

    def slope(self, y: Floats, link: Link) -> Floats:
        """The derivative of `linked` at y."""
        y = np.asarray(y, dtype=float)
        if link == "as it is":
            return np.full_like(y, self.better)
        if link == "log loss":
            return self.better / np.maximum(-self.better * y, TINY)
        if self.low < 0:
            return -1 / np.expm1(np.minimum(y, -TINY))
        return 1 / np.maximum(y * (1 - y), TINY)


TINY = 1e-9
"""A loss or a share that counts as none, so that its logarithm exists."""

_PLAIN: tuple[Link, ...] = ("as it is",)
_LOGS: tuple[Link, ...] = ("as it is", "log loss", "log odds")
RUNGS: dict[str, Rung] = {
    r.name: r
    for r in (
        Rung("log-probability", "log-probability of the right answer", _LOGS, -np.inf, 0.0),
        Rung("log share", "log of its share among the choices", _LOGS, -np.inf, 0.0),
        Rung("Brier", "squared error of the shares", ("as it is", "log loss"), 0.0, 2.0, -1),
        Rung("share", "right if one answer is drawn", ("as it is", "log odds"), 0.0, 1.0),
        Rung("margin", "log-probability above the best wrong choice", _PLAIN, -np.inf, np.inf),
        Rung("accuracy", "right at the first try", _PLAIN, 0.0, 1.0),
    )
}
GRADED = ("log share", "log-probability", "Brier", "share", "margin")
"""Rungs that may stand for the ability itself, the preferred first."""
MARKS = ("accuracy", "pass^")


def rung(name: str) -> Rung:
    """The rung of a name; "pass^4" and the like are made as needed.

    Raises:
        InputError: if there is none.
    """
    if name in RUNGS:
        return RUNGS[name]
    k = name.removeprefix("pass^")
    if name.startswith("pass^") and k.isdigit() and int(k) > 0:
        return Rung(name, f"right in all of {k} tries", _PLAIN, 0.0, 1.0)
    raise InputError(f"metrics: no rung {name[:60]!r}: wanted {', '.join(RUNGS)} or pass^k")


@dataclass(frozen=True, repr=False, eq=False)
class Answers:
    """Answers of subjects of growing scale to the same items.

    Attributes:
        measure: the name of the items.
        subject, scale: shape (S,), smallest first; scale is the base-10 logarithm of compute.
        cluster: shape (n,), the number of the cluster of each item.
        values: for each rung, from the log-probability up, shape (S, n).
        chance: for each rung what a guesser has; NaN where that is not known.
        logp: shape (S, n, K), log-probabilities of the choices, -inf beyond an item's own; None
            where answers are not of choices. The right one stands first.
    """

    measure: str
    subject: NDArray[np.str_]
    scale: Floats
    cluster: Ints
    values: dict[str, Floats]
    chance: dict[str, float]
    logp: Floats | None = None

    def __repr__(self) -> str:
        return (
            f"Answers of {len(self.subject)} subjects to {len(self.cluster)} items of "
            f"{self.measure}: {', '.join(self.values)}"
        )


def of_choices(logp: Floats, ks: tuple[int, ...] = (4,)) -> dict[str, Floats]:
    """Rungs of multiple choice.

    Args:
        logp: shape (..., K), natural log-probabilities of the choices, the right one first; -inf
            where an item has fewer.
        ks: of pass^k: the chance that k answers drawn from the shares are all right, exactly.

    Returns:
        of each rung, shape (...). "Brier" is summed over choices, from 0 (best) to 2; a tie of
        t choices for the best counts 1/t in "accuracy".
    """
    own, best = logp[..., 0], logp[..., 1:].max(axis=-1)
    log_share = own - special.logsumexp(logp, axis=-1)
    share = np.exp(log_share)
    others = np.exp(logp[..., 1:] - special.logsumexp(logp, axis=-1, keepdims=True))
    tied = 1 + np.sum(logp[..., 1:] == own[..., None], axis=-1)
    found = {
        "log-probability": own,
        "log share": log_share,
        "Brier": (1 - share) ** 2 + np.sum(others**2, axis=-1),
        "share": share,
        "margin": own - best,
        "accuracy": (own >= best) / tied,
    }
    return found | {f"pass^{k}": share**k for k in ks}


def of_moved_choices(logp: Floats, by: Floats, ks: tuple[int, ...] = (4,)) -> dict[str, Floats]:
    """Rungs of choices after the right one's log-probability has moved, the others' staying.

    As `of_choices` of each move, but shares among the wrong choices are worked out once.

    Args:
        logp: shape (n, K), the right choice first.
        by: shape (..., 1) or (..., n).

    Returns:
        of each rung but the log-probability itself, shape (..., n).
    """
    own, wrong = logp[:, 0] + by, logp[:, 1:]
    all_wrong = special.logsumexp(wrong, axis=-1)
    log_share = special.log_expit(own - all_wrong)
    share = np.exp(log_share)
    among = np.sum(np.exp(2 * (wrong - all_wrong[:, None])), axis=-1)
    best = wrong.max(axis=-1)
    tied = 1 + (own == best) * np.sum(wrong == best[:, None], axis=-1)
    found = {
        "log share": log_share,
        "Brier": np.expm1(log_share) ** 2 * (1 + among),
        "share": share,
        "margin": own - best,
        "accuracy": (own >= best) / tied,
    }
    return found | {f"pass^{k}": share**k for k in ks}


def of_probabilities(
    logp: Floats, right: Floats | None = None, ks: tuple[int, ...] = (4,)
) -> dict[str, Floats]:
    """Rungs of free answers: an answer is right or not, with the log-probability of the right one.

    Args:
        logp: shape (S, n), at most 0.
        right: shape (S, n), whether the answer given was right, 0 to 1; None if not known.
    """
    p = np.exp(logp)
    found = {"log-probability": logp, "Brier": 2 * (1 - p) ** 2, "share": p}
    if right is not None:
        found["accuracy"] = right
    return found | {f"pass^{k}": p**k for k in ks}


def of_trials(right: Floats, trials: Floats, ks: tuple[int, ...] = (4,)) -> dict[str, Floats]:
    """Rungs of marks alone: `right` of `trials` answers to each item.

    pass^k is the unbiased estimate from draws without replacement, C(right, k) / C(trials, k);
    rungs whose k is more than the fewest trials are left out.
    """
    found = {"accuracy": right / trials}
    for k in (k for k in ks if 1 < k <= trials.min()):
        found[f"pass^{k}"] = special.binom(right, k) / special.binom(trials, k)
    return found


def chances(values: dict[str, Floats], choices: Floats | None) -> dict[str, float]:
    """What a guesser has at each rung: one that gives every choice the same share.

    Args:
        choices: shape (n,), how many each item has; None where answers are free.
    """
    if choices is None:
        return dict.fromkeys(values, np.nan)
    one = 1 / choices
    known = {
        "log share": -np.log(choices), "Brier": 1 - one, "share": one, "margin": 0 * one,
        "accuracy": one,
    }  # fmt: skip
    known |= {r: one ** int(r[5:]) for r in values if r.startswith("pass^")}
    return {r: float(np.mean(known[r])) if r in known else np.nan for r in values}
