# mypy: ignore-errors
# ruff: noqa
"""Stand-ins until the zoo is here."""

from __future__ import annotations

import numpy as np

from calibrant.errors import UnfitError
from calibrant.scaling.forecaster import Forecaster
from calibrant.scaling.predictive import Predictive, joined
from calibrant.scaling.scores import Scores


def _each(fit):
    def predict(known: Scores, at: Scores, rng: np.random.Generator) -> Predictive:
        parts, places = [], []
        for m in at.measures:
            here = np.flatnonzero(at.measure == m)
            k = known.take(known.measure == m)
            if len(k) < 4:
                raise UnfitError(f"{m}: {len(k)} scores")
            parts.append(fit(k, at.take(here), known.limits[m]))
            places.append(here)
        return joined(parts, places, len(at))

    return predict


def _persist(k, at, limits):
    last = []
    for f in at.family:
        mine = np.flatnonzero(k.family == f)
        mine = mine if mine.size else np.arange(len(k))
        last.append(k.score[mine[np.argmax(k.scale[mine])]])
    return Predictive.of(np.array(last), np.full(len(at), k.score.std() + 1e-3), df=4,
                         low=limits[0], high=limits[1])  # fmt: skip


def _line(k, at, limits):
    x = np.column_stack([np.ones(len(k)), k.scale - 22])
    beta, *_ = np.linalg.lstsq(x, k.score, rcond=None)
    r = k.score - x @ beta
    s = np.sqrt((r**2).sum() / (len(k) - 2)) + 1e-3
    z = np.column_stack([np.ones(len(at)), at.scale - 22])
    w = s * np.sqrt(1 + np.einsum("ij,jk,ik->i", z, np.linalg.pinv(x.T @ x), z))
    return Predictive.of(z @ beta, w, df=len(k) - 2, low=limits[0], high=limits[1])


PLAIN = (
    Forecaster("persistence", "nothing changes", _each(_persist), baseline=True),
    Forecaster("pooled sigmoid", "one line", _each(_line), baseline=True),
)
