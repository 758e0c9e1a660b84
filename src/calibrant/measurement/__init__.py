"""What do trials say, and how many are needed? Estimates, comparisons and plans on the table."""

from calibrant.measurement.compare import SubjectComparison, compare
from calibrant.measurement.measure import Measurement, measure
from calibrant.measurement.plan import Plans, plan
from calibrant.measurement.study import Study, study

__all__ = [
    "Measurement",
    "Plans",
    "Study",
    "SubjectComparison",
    "compare",
    "measure",
    "plan",
    "study",
]
