"""Is one number enough? Cycles, several dimensions, lotteries, information and categories."""

from calibrant.ratings.beyond.categories import Categories, categories
from calibrant.ratings.beyond.cycles import Cycle, CycleTest, cycle_test
from calibrant.ratings.beyond.hodge import Hodge, hodge
from calibrant.ratings.beyond.information import Information, bits, information
from calibrant.ratings.beyond.melo import Melo, melo
from calibrant.ratings.beyond.nash import Lottery, nash

__all__ = [
    "Categories",
    "Cycle",
    "CycleTest",
    "Hodge",
    "Information",
    "Lottery",
    "Melo",
    "bits",
    "categories",
    "cycle_test",
    "hodge",
    "information",
    "melo",
    "nash",
]
