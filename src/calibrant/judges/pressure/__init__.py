"""Does gold still rise when answers are picked harder by the judge? Best-of-n, laws, null answers.

One row an answer, with the judge's score and a gold score; prompts are what is sampled.
"""

from calibrant.judges.pressure.analysis import pressure, turning
from calibrant.judges.pressure.bands import Curve, curve
from calibrant.judges.pressure.forms import Fit, Peak, fit
from calibrant.judges.pressure.kl import kl_bound, kl_levels
from calibrant.judges.pressure.nulls import NULL_TEXTS, Null, null_answers
from calibrant.judges.pressure.order import best_of, rank_weights
from calibrant.judges.pressure.result import Pressure, Turn
from calibrant.judges.pressure.synthetic import Planted, planted

__all__ = [
    "NULL_TEXTS",
    "Curve",
    "Fit",
    "Null",
    "Peak",
    "Planted",
    "Pressure",
    "Turn",
    "best_of",
    "curve",
    "fit",
    "kl_bound",
    "kl_levels",
    "null_answers",
    "planted",
    "pressure",
    "rank_weights",
    "turning",
]
