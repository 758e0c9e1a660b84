"""How often was each item right? Counts of right and wrong answers by subject and item."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibrant._figure import shorten
from calibrant.errors import InputError
from calibrant.quality.manifold.sift import Sifted
from calibrant.quality.responses import Responses

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Counts:
    """Right answers and answers.

    Attributes:
        right, total: shape (patterns, items).
        often: shape (patterns,), how many subjects have the pattern.
        pattern: shape (subjects,), which each subject has.
    """

    right: Floats
    total: Floats
    often: Floats
    pattern: NDArray[np.int64]

    @property
    def share(self) -> Floats:
        """Shape (patterns, items), NaN where there is no answer."""
        found: Floats = np.divide(
            self.right, self.total, out=np.full(self.right.shape, np.nan), where=self.total > 0
        )
        return found


def counts_of(responses: Responses, sifted: Sifted, what: str) -> Counts:
    """Counts, equal rows taken together.

    Raises:
        InputError: for scores that are no means of right and wrong answers.
    """
    trials = responses.trials[np.ix_(sifted.rows, sifted.kept)].astype(float)
    seen = ~np.isnan(sifted.unit)
    total = np.where(seen, np.maximum(trials, 1.0), 0.0)
    right = np.where(seen, sifted.unit, 0.0) * total
    whole = np.round(right)
    wrong = np.abs(right - whole) > 1e-6
    if wrong.any():
        i, j = (int(k) for k in np.argwhere(wrong)[0])
        who, item = int(sifted.rows[i]), int(sifted.kept[j])
        raise InputError(
            f"{what}: wanted right-or-wrong scores, got {responses.scores[who, item]:g} of subject "
            f"{shorten(responses.subjects[who], 40)!r} on item "
            f"{shorten(responses.items[item], 40)!r}; the model continuous takes shares"
        )
    both = np.concatenate([whole, total], axis=1)
    rows, pattern, often = np.unique(both, axis=0, return_inverse=True, return_counts=True)
    size = whole.shape[1]
    return Counts(rows[:, :size], rows[:, size:], often.astype(float),
                  pattern.ravel().astype(np.int64))  # fmt: skip
