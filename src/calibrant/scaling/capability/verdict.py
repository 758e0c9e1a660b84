"""What may be said of a correlation: driven by capability, independent of it, or neither yet?

Two one-sided tests on Fisher's scale with an error by families. Both hypotheses that are to be
refuted are large: that |ρ| is at most `driven`, and that it is at least `margin` (Schuirmann's two
one-sided tests of equivalence). As margin ≤ driven no correlation refutes both, so that the smaller
of the two p-values errs as rarely as one of them. With errors of (1 - level) / 2, a score by itself
has a verdict exactly if its interval lies beyond or inside the margins.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import stdtr, stdtrit

from calibrant.errors import InputError
from calibrant.stats.relations.spread import Estimate

Verdict = Literal["capability-driven", "independent", "undetermined"]


@dataclass(frozen=True)
class Tested:
    """The tests of one correlation.

    Attributes:
        p_driven: of |ρ| at most `driven`; p_independent: of |ρ| at least `margin`.
        least_margin: the smallest margin within which it would pass for independent, alone: how
            far its interval reaches.
        df: degrees of freedom: effective families less one.
    """

    p_driven: float
    p_independent: float
    least_margin: float
    df: float


def check_margins(margin: float, driven: float) -> None:
    """Refuse margins that are not 0 < margin ≤ driven < 1."""
    if not 0 < margin <= driven < 1:
        raise InputError(
            f"margins: wanted 0 < margin ≤ driven < 1, got margin {margin:g} and driven {driven:g}"
        )


def two_tests(found: Estimate, df: float, *, margin: float, driven: float) -> Tested | None:
    """The tests of a correlation with its interval on Fisher's scale; None without an interval.

    Args:
        found: as of `estimates` with scale "z".
        df: effective families less one.
        margin, driven: see `check_margins`.
    """
    if found.value is None or found.low is None or found.high is None:
        return None
    error = _error(found, df)
    if error <= 0:
        return None
    size = math.atanh(abs(found.value))
    return Tested(
        float(stdtr(df, -(size - math.atanh(driven)) / error)),
        float(stdtr(df, -(math.atanh(margin) - size) / error)),
        max(abs(found.low), abs(found.high)),
        df,
    )


def conclude(p: Tested | None, adjusted: float | None, alpha: float) -> Verdict:
    """The verdict from a score's tests and its smaller p-value after multiplicity."""
    if p is None or adjusted is None or adjusted > alpha:
        return "undetermined"
    return "capability-driven" if p.p_driven <= p.p_independent else "independent"


def _error(found: Estimate, df: float) -> float:
    """The standard error on Fisher's scale, from the interval."""
    assert found.low is not None and found.high is not None
    ends = np.arctanh(np.clip([found.low, found.high], -1 + 1e-15, 1 - 1e-15))
    return float(ends[1] - ends[0]) / 2 / float(stdtrit(df, 0.5 + found.level / 2))
