"""How able is a subject, by its answers to calibrated items?"""

from calibrant.quality.scoring.kernel import Kernel, kernel
from calibrant.quality.scoring.result import Scores
from calibrant.quality.scoring.score import score_bank
from calibrant.quality.scoring.verb import score

__all__ = ["Kernel", "Scores", "kernel", "score", "score_bank"]
