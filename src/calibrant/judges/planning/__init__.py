"""How many gold labels, and on which items? Plans, samples and what they estimate."""

from calibrant.judges.planning.estimate import DesignMean, stratified_rate, weighted_mean
from calibrant.judges.planning.operating import Certifying, certifying_labels
from calibrant.judges.planning.plan import plan
from calibrant.judges.planning.result import LabelPlan

__all__ = [
    "Certifying",
    "DesignMean",
    "LabelPlan",
    "certifying_labels",
    "plan",
    "stratified_rate",
    "weighted_mean",
]
