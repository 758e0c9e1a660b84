"""Can the computation be trusted? The grid, the optimum and the information, each checked."""

from __future__ import annotations

import numpy as np

from calibrant.quality.models.climb import Summit
from calibrant.quality.models.grid import narrowest
from calibrant.quality.models.information import Precision
from calibrant.quality.models.kernel import Kernel
from calibrant.quality.models.result import Adequacy

REFINED = 1e-3
"""Change of the log likelihood on a finer grid beyond which a fit is inadequate."""

EIGENVALUE = 1e-6
"""Least eigenvalue of the scaled information below which parameters are not determined."""

LARGEST = float(np.finfo(float).max)

PEOPLE = 50
"""Subjects below which estimates of slopes and their errors cannot be relied on."""


def adequacy_of(kernel: Kernel, summit: Summit, sure: Precision, tolerance: float) -> Adequacy:
    """Evaluate on a grid of half the spacing, and judge."""
    people, family = kernel.data.subjects, kernel.family
    finer = kernel.evaluate(summit.xi, summit.grid.refined())
    refined = finer.log_likelihood - summit.found.log_likelihood
    least = narrowest(finer.ability_information)
    converged = summit.gradient <= 100 * tolerance * people
    identified = sure.smallest > EIGENVALUE
    reasons = []
    if not abs(refined) < REFINED:
        reasons.append(f"a finer grid changes the log likelihood by {refined:.3g}")
    if not converged:
        reasons.append(
            f"after {summit.iterations} passes the largest derivative is still "
            f"{summit.gradient / people:.2g} per subject"
        )
    if not identified:
        reasons.append(
            f"the least eigenvalue of the information is {sure.smallest:.2g}: some parameters are "
            "not determined by these responses"
        )
    if people < PEOPLE and not family.common:
        reasons.append(
            f"{people} subjects are too few for slopes: estimates and their errors are rough"
        )
    grid = summit.grid
    return Adequacy(
        "inadequate" if reasons else "adequate", tuple(reasons), refined, summit.gradient,
        summit.gradient / people, grid.spacing, int(grid.nodes.size), float(grid.nodes[0]),
        float(grid.nodes[-1]), least, sure.smallest, min(sure.condition, LARGEST),
        identified, people, family.count, summit.iterations, converged,
        ("sandwich, " if sure.robust else "") + sure.method,
    )  # fmt: skip
