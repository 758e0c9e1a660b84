"""What do trials say, and how many are needed? Estimates, comparisons and plans on the table."""

from calibrant.measurement.compare import SubjectComparison, compare
from calibrant.measurement.hierarchical import Hierarchical, hierarchical
from calibrant.measurement.measure import Measurement, measure
from calibrant.measurement.plan import Plans, plan

__all__ = [
    "Hierarchical",
    "Measurement",
    "Plans",
    "SubjectComparison",
    "compare",
    "hierarchical",
    "measure",
    "plan",
]
