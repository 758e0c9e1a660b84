"""What the numbers mean: designs that decide, intervals that cover. Pure functions of numbers."""

from calibrant.stats.designs import Design
from calibrant.stats.eprocess import anytime
from calibrant.stats.follow import Follower
from calibrant.stats.intervals import Interval, after_stopping, clopper_pearson, hypergeometric
from calibrant.stats.paths import Boundary, Stops, stops
from calibrant.stats.sprt import fixed, fixed_size, sprt

__all__ = [
    "Boundary",
    "Design",
    "Follower",
    "Interval",
    "Stops",
    "after_stopping",
    "anytime",
    "clopper_pearson",
    "fixed",
    "fixed_size",
    "hypergeometric",
    "sprt",
    "stops",
]
