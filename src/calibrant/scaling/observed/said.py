"""What must a reader know of a forecast from given scores? Its axes, and whom they do not fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import special

from calibrant._text import one_line
from calibrant.errors import UnfitError
from calibrant.scaling.given import Given
from calibrant.scaling.observed.forecasters import MANY
from calibrant.scaling.observed.place import Axes, placed
from calibrant.scaling.scores import Floats, Scores

ODD = 0.01
"""The chance with which any subject of a forecast is called odd, were all alike."""

NOTE = (
    "given scores of later subjects are used, as they are known when the target is not; no target "
    "of a held-out row is"
)


def described(known: Scores, at: Scores) -> dict[str, Any] | None:
    """What is given and the axes it has, as plain data; None if nothing is given."""
    given = known.given
    if given is None:
        return None
    whole = _axes(known, at)
    found: dict[str, Any] = {
        "measures": list(given.measures), "missing": float(np.isnan(given.values).mean()),
        "subjects": len(given.subjects), "says": NOTE, "axes": None,
    }  # fmt: skip
    if isinstance(whole, Axes):
        used = [m for m, u in zip(given.measures, whole.used, strict=True) if u]
        found["axes"] = [
            {
                "axis": j + 1,
                "variance_explained": float(
                    (whole.weights[:, j] ** 2).sum()
                    / ((whole.weights**2).sum() + len(used) * whole.noise**2)
                ),
                "reliability": float(whole.reliability[j]),
                "weights": dict(zip(used, map(float, whole.weights[:, j]), strict=True)),
            }
            for j in range(whole.weights.shape[1])
        ]
        found["found_from"] = len(np.unique(known.subject[given.has(known.subject)]))
    else:
        found["refused"] = whole
    return found


def warnings_of(known: Scores, at: Scores) -> list[str]:
    """Why the given scores may not mean for these subjects what they meant for the known ones."""
    given = known.given
    if given is None or not len(at):
        return []
    found = [
        "forecasts from given scores hold for subjects whose given scores mean what they meant "
        "for the known ones: one that was trained on a given benchmark stands too high, and is "
        "forecast too high"
    ]
    lost = np.unique(at.subject[~given.has(at.subject)])
    if lost.size:
        found.append(f"nothing is given of {_some(lost)}: forecast from compute alone")
    odd = odd_ones(known, at)
    if odd:
        found.append("given scores do not go together as they did: " + "; ".join(odd[:4]))
    return found


def odd_ones(known: Scores, at: Scores) -> list[str]:
    """Subjects one of whose given scores is far from what their others let expect.

    Each score is compared with its expectation given the subject's others, by the normal model of
    the axes, in units of how far known subjects were off on the same measure. A subject is named
    where Student's t with as many degrees of freedom as known subjects less axes would not be as
    far off once in `ODD` of such tables, and no known one was within two thirds of it.
    """
    whole = _axes(known, at)
    if known.given is None or not isinstance(whole, Axes) or whole.used.sum() < 2:
        return []
    given, q = known.given, whole.weights.shape[1]
    names = [m for m, u in zip(given.measures, whole.used, strict=True) if u]
    covariance = whole.weights @ whole.weights.T + whole.noise**2 * np.eye(len(names))

    def apart(who: Any) -> Floats:
        z = (given.of(who)[:, whole.used] - whole.centre) / whole.size
        return np.array([_leave_one(row, covariance) for row in z]).reshape(-1, len(names))

    past = apart(np.unique(known.subject[given.has(known.subject)]))
    count = np.isfinite(past).sum(axis=0)
    freedom = np.maximum(count - q - 1, 1)
    typical = np.sqrt(np.nansum(past**2, axis=0) / freedom)
    farthest = np.nanmax(np.abs(np.nan_to_num(past)), axis=0)
    who = np.unique(at.subject[given.has(at.subject)])
    off = np.nan_to_num(apart(who))
    many = max(int((off != 0).sum()), 1)
    limit = np.maximum(special.stdtrit(freedom, 1 - ODD / 2 / many) * typical, 1.5 * farthest)
    found = []
    for i in np.argsort(-np.abs(off / limit).max(axis=1)) if who.size else ():
        j = int(np.argmax(np.abs(off[i] / limit)))
        if abs(off[i, j]) > limit[j]:
            side = "above" if off[i, j] > 0 else "below"
            found.append(
                f"{one_line(str(who[i]), 60)} on {one_line(names[j], 40)} is "
                f"{abs(off[i, j]) / typical[j]:.1f} SD {side} what its others let expect"
            )
    return found


def _leave_one(row: Floats, covariance: Floats) -> Floats:
    """Each score less its expectation given the others, in its standard deviations."""
    there = np.isfinite(row)
    found = np.full(row.size, np.nan)
    if there.sum() > 1:
        inverse = np.linalg.inv(covariance[np.ix_(there, there)])
        found[there] = inverse @ row[there] / np.sqrt(np.diag(inverse))
    return found


def _axes(known: Scores, at: Scores) -> Axes | str:
    """The axes of the known subjects, or why there are none."""
    given: Given | None = known.given
    assert given is not None
    names = np.unique(known.subject[given.has(known.subject)])
    try:
        return placed(given.of(names), given.of(np.unique(at.subject)), axes=MANY)
    except UnfitError as error:
        return str(error)


def too_able(ability: Floats, tried: dict[str, float], measures: Sequence[str]) -> list[str | None]:
    """Why forecasts from given scores are withheld as their subjects stand beyond all that was
    tried on the axis; None for those that do not."""
    found: list[str | None] = []
    for d, m in zip(ability, measures, strict=True):
        reach = tried.get(str(m), 0.0)
        if np.isfinite(d) and d > reach + 0.05 * max(reach, 1.0):
            found.append(
                f"no back-test reaches such abilities: it lies {d:.2g} standard deviations above "
                f"the most able known subject on the first axis of the given; at least 3 families "
                f"were tried up to {reach:.2g}"
            )
        else:
            found.append(None)
    return found


def _some(names: Any) -> str:
    text = ", ".join(one_line(str(n), 40) for n in names[:3])
    return text + (f" and {len(names) - 3} more" if len(names) > 3 else "")
