"""What the numbers mean: designs that decide, intervals that cover. Pure functions of numbers."""

from calibrant.stats.estimates.intervals import Interval, clopper_pearson, hypergeometric
from calibrant.stats.stopping.after import after_stopping
from calibrant.stats.stopping.designs import Design
from calibrant.stats.stopping.eprocess import anytime
from calibrant.stats.stopping.follow import Follower
from calibrant.stats.stopping.paths import Boundary, Stops, stops
from calibrant.stats.stopping.sprt import fixed, fixed_size, sprt

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
