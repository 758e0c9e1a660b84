"""What do trials say, and how many are needed? Estimates, comparisons and plans on the table."""

from calibrant.measurement.compare import SubjectComparison, compare
from calibrant.measurement.figures import plot_comparisons, plot_measurements
from calibrant.measurement.measure import Measurement, measure
from calibrant.measurement.plan import Plans, plan
from calibrant.measurement.plan_paired import PairedPlans, plan_paired
from calibrant.measurement.study import Study, study

__all__ = [
    "Measurement",
    "PairedPlans",
    "Plans",
    "Study",
    "SubjectComparison",
    "compare",
    "measure",
    "plan",
    "plan_paired",
    "plot_comparisons",
    "plot_measurements",
    "study",
]
