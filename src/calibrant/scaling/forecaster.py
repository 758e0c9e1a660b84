"""What is a model that forecasts? A name, and a function from known scores to predictions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from calibrant.scaling.predictive import Predictive
from calibrant.scaling.scores import Scores

Predict = Callable[[Scores, Scores, np.random.Generator], Predictive]


@dataclass(frozen=True)
class Forecaster:
    """One model of the zoo.

    Attributes:
        name: short and unique, such as "pooled sigmoid".
        says: its assumption, in one sentence.
        predict: (known, at, rng) → one predictive distribution for each row of `at`, of the score
            as it would be observed (noise of the subject included). `known` has only rows with a
            score; scores in `at` are never read. Raises `UnfitError`, saying why, where it cannot.
        baseline: whether it is one of the plain models that others must beat.
        needs: what a row must have to be forecast: a scale, or scores that are given
            (`Scores.given`).
    """

    name: str
    says: str
    predict: Predict
    baseline: bool = False
    needs: Literal["scale", "given"] = "scale"

    def __repr__(self) -> str:
        return f"Forecaster {self.name}: {self.says}"
