"""What is an area's mean rating? From latent scores to the survey's scale.

The measurand of an area and question is the mean of the ratings, 1 to the number of labels, that
raters drawn at random from the population of raters would give the area if each rated it: severity
is averaged over its distribution, not set to 0, and nobody rates an area of their own. Those who
would say that they do not know count with the rating they would give if they had to; by default
they differ from the others by chance only, and a shift of their latent scores asks how much it
would matter if not (a pattern-mixture sensitivity; Little, JASA 88 (1993) 125).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]


def mean_rating(score: Floats, steps: Floats, severity: Floats | float) -> Floats:
    """The mean rating over raters, at least 1 and at most the number of labels.

    Args:
        score: latent scores, shape (..., areas).
        steps: thresholds, shape (..., labels - 1).
        severity: variance of severity between raters, shape (...).
    """
    spread = np.sqrt(1 + np.asarray(severity, float))[..., None]
    total = np.ones_like(score)
    for k in range(steps.shape[-1]):
        total += ndtr((score - steps[..., k, None]) / spread)
    return total


def mixed(
    score: Floats, steps: Floats, severity: Floats | float, share: Floats, shift: float
) -> Floats:
    """The mean rating where a share of raters would not know and score `shift` higher."""
    known = mean_rating(score, steps, severity)
    if shift == 0:
        return known
    return np.asarray(known + share * (mean_rating(score + shift, steps, severity) - known))
