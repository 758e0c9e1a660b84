"""What do scores mean? Convergence, factors, redundancy, agreement, and prediction of criteria."""

from calibrant.quality.validity.agreement import BenchmarkAgreement, BySize, agreement
from calibrant.quality.validity.factors import Factors, factors
from calibrant.quality.validity.measures import Measures, measures_of, read_scores
from calibrant.quality.validity.overlap import Capability, Pair, capability, pairs
from calibrant.quality.validity.prediction import Later, Prediction, predict
from calibrant.quality.validity.redundancy import Dropped, Predicted, Redundancy, redundancy
from calibrant.quality.validity.result import Validity
from calibrant.quality.validity.traits import Discriminant, Mtmm, discriminant, mtmm
from calibrant.quality.validity.verb import validity
from calibrant.stats.relations.factors import Solution, minres, velicer
from calibrant.stats.relations.spread import Estimate, estimates

__all__ = [
    "BenchmarkAgreement",
    "BySize",
    "Capability",
    "Discriminant",
    "Dropped",
    "Estimate",
    "Factors",
    "Later",
    "Measures",
    "Mtmm",
    "Pair",
    "Predicted",
    "Prediction",
    "Redundancy",
    "Solution",
    "Validity",
    "agreement",
    "capability",
    "discriminant",
    "estimates",
    "factors",
    "measures_of",
    "minres",
    "mtmm",
    "pairs",
    "predict",
    "read_scores",
    "redundancy",
    "validity",
    "velicer",
]
