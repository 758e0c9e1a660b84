"""What does each item say about ability? Calibrated items with their curves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from calibrant._text import dumps
from calibrant.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MODELS = ("rasch", "2pl", "3pl", "grm", "pcm", "gpcm")
"""Models with categories: scores low, low + step, …, high.

rasch, 2pl, 3pl: P(right) = g + (1 − g) expit(a θ + d). grm (Samejima 1969): P(X ≥ k) =
expit(a θ + d_k). pcm, gpcm (Masters 1982, Muraki 1992): P(X = k) ∝ exp(k a θ + d_k), d_0 = 0.
These are the slopes and intercepts of the R package mirt.
"""


@dataclass(frozen=True, eq=False)
class Bank:
    """Items with known parameters, on one ability.

    Attributes:
        model: one of `MODELS`.
        items: names.
        discrimination: shape (items,), slopes a; negative for an item that able subjects fail.
        intercepts: shape (items, categories − 1), d_1, d_2, …; NaN beyond an item's categories.
        guessing: shape (items,), g; 0 but in a 3pl.
        values: shape (items, categories), the score that each category stands for; NaN beyond.
        mean, sd: of ability among the subjects that the items were calibrated with.
        covariance: shape (items, p, p) of (discrimination, intercepts…, guessing on the logit
            scale if 3pl), NaN for what is fixed; None if not known.
    """

    model: str
    items: tuple[str, ...]
    discrimination: Floats
    intercepts: Floats
    guessing: Floats
    values: Floats
    mean: float = 0.0
    sd: float = 1.0
    covariance: Floats | None = None

    @property
    def categories(self) -> Ints:
        """Shape (items,): how many scores each item has."""
        count: Ints = 1 + np.sum(~np.isnan(self.intercepts), axis=1)
        return count

    @property
    def difficulty(self) -> Floats:
        """Shape (items, categories − 1): abilities at which curves cross; NaN at slope 0.

        For one step −d / a. For grm −d_k / a; for pcm and gpcm −(d_k − d_{k−1}) / a.
        """
        steps = self.intercepts
        if self.model in ("pcm", "gpcm"):
            steps = np.diff(steps, axis=1, prepend=0.0)
        slope = np.where(self.discrimination == 0, np.nan, self.discrimination)
        found: Floats = -steps / slope[:, None]
        return found

    def probabilities(self, ability: Floats) -> Floats:
        """Shape (abilities, items, categories): of each category; 0 beyond an item's."""
        theta = np.asarray(ability, np.float64).reshape(-1, 1, 1)
        slope = self.discrimination[None, :, None]
        missing = np.isnan(self.intercepts)
        d = np.where(missing, 0.0, self.intercepts)[None]
        if self.model in ("pcm", "gpcm"):
            k = np.arange(1, d.shape[2] + 1)
            logits = np.where(missing[None], -np.inf, k * slope * theta + d)
            logits = np.concatenate([np.zeros((*logits.shape[:2], 1)), logits], axis=2)
            logits -= logits.max(axis=2, keepdims=True)
            weights = np.exp(logits)
            shares: Floats = weights / weights.sum(axis=2, keepdims=True)
            return shares
        above = np.where(missing[None], 0.0, expit(slope * theta + d))
        g = self.guessing[None, :, None]
        above = np.where(missing[None], 0.0, g + (1.0 - g) * above)
        ones, zeros = np.ones((*above.shape[:2], 1)), np.zeros((*above.shape[:2], 1))
        # A graded item's curves may cross through rounding alone.
        between: Floats = np.maximum(
            -np.diff(np.concatenate([ones, above, zeros], axis=2), axis=2), 0.0
        )
        return between

    def expected(self, ability: Floats) -> Floats:
        """Shape (abilities, items): the expected score, in the units of `values`."""
        worth = np.where(np.isnan(self.values), 0.0, self.values)
        scores: Floats = np.einsum("qjc,jc->qj", self.probabilities(ability), worth)
        return scores

    def information(self, ability: Floats) -> Floats:
        """Shape (abilities, items): Fisher information about ability, at least 0."""
        p = self.probabilities(ability)
        if self.model in ("pcm", "gpcm"):
            k = np.arange(p.shape[2])
            mean = p @ k
            spread: Floats = self.discrimination**2 * (p @ k**2 - mean**2)
            return np.maximum(spread, 0.0)
        theta = np.asarray(ability, np.float64).reshape(-1, 1, 1)
        missing = np.isnan(self.intercepts)[None]
        d = np.where(missing, 0.0, self.intercepts[None])
        s = expit(self.discrimination[None, :, None] * theta + d)
        slope = (1.0 - self.guessing)[None, :, None] * self.discrimination[None, :, None]
        rise = np.where(missing, 0.0, slope * s * (1.0 - s))
        edge = np.zeros((*rise.shape[:2], 1))
        change = -np.diff(np.concatenate([edge, rise, edge], axis=2), axis=2)
        found: Floats = np.sum(np.divide(change**2, p, out=np.zeros_like(p), where=p > 0), axis=2)
        return found

    def category_of(self, scores: Floats) -> Ints:
        """Which category each score is; −1 where it is NaN.

        Args:
            scores: shape (…, items).

        Raises:
            InputError: for a score that an item cannot have.
        """
        scores = np.asarray(scores, np.float64)
        distance = np.abs(scores[..., None] - self.values)
        distance = np.where(np.isnan(distance), np.inf, distance)
        nearest: Ints = distance.argmin(axis=-1)
        missing = np.isnan(scores)
        wrong = ~missing & (distance.min(axis=-1) > 1e-9)
        if wrong.any():
            where = np.argwhere(wrong)[0]
            item = int(where[-1])
            wanted = ", ".join(f"{v:g}" for v in self.values[item] if not np.isnan(v))
            raise InputError(
                f"item {self.items[item]}: wanted a score of {wanted}, got {scores[tuple(where)]:g}"
            )
        nearest[missing] = -1
        return nearest

    def draw(self, ability: Floats, rng: np.random.Generator) -> Floats:
        """Shape (abilities, items): scores of subjects of these abilities."""
        edges = np.cumsum(self.probabilities(ability), axis=2)[:, :, :-1]
        u = rng.random(edges.shape[:2])
        # Rounding must not draw a category that an item lacks.
        chosen = np.minimum((u[..., None] >= edges).sum(axis=2), self.categories - 1)
        drawn: Floats = np.take_along_axis(
            np.broadcast_to(self.values, (*chosen.shape, self.values.shape[1])),
            chosen[..., None], axis=2,
        )[..., 0]  # fmt: skip
        return drawn

    def select(self, items: Sequence[int] | Ints) -> Bank:
        """Only these items, by number, in the order given."""
        chosen = np.asarray(items, np.int64)
        return replace(
            self, items=tuple(self.items[j] for j in chosen),
            discrimination=self.discrimination[chosen], intercepts=self.intercepts[chosen],
            guessing=self.guessing[chosen], values=self.values[chosen],
            covariance=None if self.covariance is None else self.covariance[chosen],
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Plain data, of which `bank_of` makes the same bank again."""
        plain: dict[str, Any] = {"model": self.model, "items": list(self.items)}
        for name in ("discrimination", "intercepts", "guessing", "values", "covariance"):
            array = getattr(self, name)
            plain[name] = None if array is None else _listed(array)
        return plain | {"mean": self.mean, "sd": self.sd}


def two_pl(
    discrimination: Floats,
    difficulty: Floats,
    *,
    items: Sequence[str] | None = None,
    guessing: Floats | None = None,
) -> Bank:
    """A bank of right-or-wrong items; `guessing` makes it a 3pl. Arrays of shape (items,)."""
    a = np.asarray(discrimination, np.float64)
    names = tuple(items) if items is not None else tuple(f"item {j + 1}" for j in range(a.size))
    g = np.zeros(a.size) if guessing is None else np.asarray(guessing, np.float64)
    return Bank(
        "2pl" if guessing is None else "3pl", names, a,
        (-a * np.asarray(difficulty, np.float64))[:, None], g, np.tile([0.0, 1.0], (a.size, 1)),
    )  # fmt: skip


def bank_of(plain: dict[str, Any]) -> Bank:
    """The bank that `Bank.to_dict` made plain.

    Raises:
        InputError: if it is none.
    """
    try:
        size = len(plain["items"])
        arrays = {
            name: np.array(plain[name], np.float64)  # None becomes NaN
            for name in ("discrimination", "intercepts", "guessing", "values")
        }
        covariance = plain.get("covariance")
        bank = Bank(
            str(plain["model"]), tuple(str(i) for i in plain["items"]), **arrays,
            mean=float(plain["mean"]), sd=float(plain["sd"]),
            covariance=None if covariance is None else np.array(covariance, np.float64),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as e:
        raise InputError(f"bank: not a bank of items ({type(e).__name__}: {e})") from e
    shapes = [a.shape[0] if a.ndim else -1 for a in arrays.values()]
    if bank.model not in MODELS or shapes != [size] * 4 or bank.intercepts.ndim != 2:
        raise InputError(f"bank: wanted arrays of {size} items and a model of {', '.join(MODELS)}")
    return bank


def write_bank(bank: Bank, path: Path) -> None:
    """Write a bank as JSON."""
    path.write_text(dumps(bank.to_dict(), indent=1) + "\n", encoding="utf-8")


def read_bank(path: Path) -> Bank:
    """Read a bank that `write_bank` wrote.

    Raises:
        InputError: if there is none, or it is not one.
    """
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({e.strerror or e})") from e
    except ValueError as e:
        raise InputError(f"{path}: not a bank of items ({e})") from e
    if not isinstance(plain, dict):
        raise InputError(f"{path}: wanted a bank of items, got {type(plain).__name__}")
    if "items" not in plain:
        raise InputError(f"{path}: not a bank of items: it has no key 'items'")
    return bank_of(plain)


def _listed(array: Floats) -> Any:
    plain = array.astype(object)
    plain[np.isnan(array)] = None
    return plain.tolist()
