"""Is the past exchangeable with what is forecast? Warnings, where it is visibly not."""

from __future__ import annotations

import numpy as np

from calibrant._text import one_line
from calibrant.scaling.backtests.gate import FAMILIES, judge, mid_p
from calibrant.scaling.backtests.outcomes import Outcomes
from calibrant.scaling.backtests.summary import BackTest
from calibrant.scaling.families import mean_interval
from calibrant.scaling.scores import Scores


def exchangeability(once: Outcomes, test: BackTest, known: Scores, at: Scores) -> list[str]:
    """What makes the past a poor guide to these forecasts, one sentence each.

    Args:
        once: judged outcomes.
        test: their summary.
        known, at: what is known now, and what is forecast.
    """
    found: list[str] = []
    for name in known.measures:
        mine = known.score[known.measure == name]
        if mine.size > 1 and np.ptp(mine) == 0:
            found.append(
                f"{one_line(name, 60)}: every known score is {mine[0]:.4g}, as at chance or at the "
                "ceiling: nothing is known of when it will change"
            )
    new = sorted(set(at.family) - set(known.family))
    strange = once.take(once.stranger)
    tried = np.unique(strange.family).size
    if new and tried < FAMILIES:
        names = one_line(", ".join(map(str, new[:3])) + (", …" if len(new) > 3 else ""), 80)
        found.append(
            f"families that are not known are forecast ({names}), and the back-test met only "
            f"{tried} such: what it says is of members of known families"
        )
    if len(strange) and len(strange) < len(once):
        familiar = once.take(~once.stranger)
        a, b = (judge(o.covered, o.transform, o.family, test.level) for o in (strange, familiar))
        if a.verdict == "failed" and b.verdict != "failed":
            found.append(f"forecasts failed for families that were not known then: {a.says}")
        if b.verdict == "failed" and a.verdict != "failed":
            found.append(f"forecasts failed for families that were known then: {b.says}")
    ends = test.pit["mean_interval"]
    # Forecasts of scores that never change are narrower than what is worth a word.
    if ends is not None and (ends[0] > 0.505 or ends[1] < 0.495):
        ends = max(ends[0], 0.0), min(ends[1], 1.0)
        way = "above" if ends[0] > 0.5 else "below"
        found.append(
            f"outcomes fell {way} their forecasts on the past: their mean place in them is "
            f"{test.pit['mean']:.2f} ({ends[0]:.2f} to {ends[1]:.2f}), not 0.5"
        )
    found += _drift(once)
    missed = float((~once.covered).mean()) * test.effective if len(once) else 0.0
    if len(once) and mid_p(missed, test.effective, test.level) > 0.95:
        found.append(
            f"intervals are wider than they need be: {test.coverage:.0%} of outcomes were held, "
            f"{test.level:.0%} were promised"
        )
    return found


def _drift(once: Outcomes) -> list[str]:
    """Whether errors change along the cuts: each family's late outcomes against its early ones."""
    cuts = np.unique(once.cut)
    if cuts.size < 4:
        return []
    late = once.cut > np.median(cuts)
    shared = np.intersect1d(once.family[late], once.family[~late])
    if shared.size < FAMILIES:
        return []
    change = np.array([
        once.transform[late & (once.family == f)].mean()
        - once.transform[~late & (once.family == f)].mean()
        for f in shared
    ])  # fmt: skip
    ends = mean_interval(change, shared)
    if ends is None or ends[0] <= 0 <= ends[1]:
        return []
    return [
        f"errors drift: from early cuts to late ones outcomes moved by {change.mean():+.2f} within "
        f"their forecasts ({ends[0]:+.2f} to {ends[1]:+.2f})"
    ]
