"""What is held possible before any score is seen? Priors of the hierarchy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Priors:
    """Prior distributions; logits from chance to ceiling, abilities in units of the scale's spread.

    An ability of 1 is what the average family gains over one standard deviation of the subjects'
    scales: this anchors the axis, so that slopes and abilities cannot be traded for each other.

    Attributes:
        slope, slope_sd: mean and SD of a measure's slope: logits for one unit of ability.
        level_sd: SD of a measure's logit at the anchor.
        family, growth, subject, cell, noise: typical SDs of families' heads start and of their
            rate of growth, of subjects, of families on one measure, and of noise: the square root
            of the harmonic mean of the variance, which is inverse gamma with `weight` degrees of
            freedom.
        weight: degrees of freedom of these priors.
        tails: degrees of freedom of the noise, which is Student's t.
    """

    slope: float = 0.7
    slope_sd: float = 0.7
    level_sd: float = 2.0
    bend: float = 0.15
    family: float = 0.4
    growth: float = 0.2
    subject: float = 0.15
    cell: float = 0.4
    noise: float = 0.1
    weight: float = 3.0
    tails: float = 5.0
