"""Which items stood in training? A scan's answer, and what exposure can explain at most."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.contamination.inflation.data import Answers, answers_on, trials_of
from calibrant.contamination.inflation.result import Inflation, read_json, term
from calibrant.contamination.inflation.twins import mean_interval
from calibrant.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Dose:
    """How one item stood in a corpus.

    Attributes:
        containment: share of it found in one place, 0–1 (`best` of a scan); of a file without
            that, share of its n-grams found anywhere.
        exposures: places where it stands; None if they were not counted.
    """

    containment: float
    exposures: int | None

    def exposed(self, least: float) -> bool:
        """Whether it stands somewhere, with a containment of `least` or more."""
        return self.exposures != 0 and self.containment >= least

    def unexposed(self, most: float) -> bool:
        """Whether it stands nowhere, with a containment of `most` or less."""
        return not self.exposures and self.containment <= most


def read_scan(source: str | Path | Mapping[str, Any]) -> dict[str, Dose | None]:
    """What `calibrant contamination scan --json` says of each item; None if it was not scannable.

    Raises:
        InputError: in one line, if it is no scan.
    """
    where = "scan" if isinstance(source, Mapping) else str(source)
    data = source if isinstance(source, Mapping) else read_json(source)[0]
    rows = data.get("items") if isinstance(data, Mapping) else None
    if not isinstance(rows, list) or not rows:
        raise InputError(f"{where}: not a scan; wanted a list of items, as scan --json prints")
    found: dict[str, Dose | None] = {}
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping) or "item" not in row:
            raise InputError(f"{where}: item {number}: wanted an object with its id as 'item'")
        share, times = row.get("containment"), row.get("exposures")
        if share is not None:
            share = row.get("best", share)
        if share is None:
            found[str(row["item"])] = None
            continue
        numbers = all(
            isinstance(x, int | float) and not isinstance(x, bool) for x in (share, times or 0)
        )
        if not (numbers and 0 <= share <= 1 and (times or 0) >= 0):
            raise InputError(
                f"{where}: item {one_line(str(row['item']), 60)!r}: wanted a containment in 0–1 "
                f"and exposures of 0 or more, got {one_line(repr((share, times)), 60)}"
            )
        found[str(row["item"])] = Dose(float(share), None if times is None else int(times))
    return found


@dataclass(frozen=True, eq=False)
class Groups:
    """One benchmark's items by exposure.

    Attributes:
        items: ids; arrays below have their order.
        score: shape (items,), the subject's.
        exposed: shape (items,).
        exposures: shape (items,), at least 1 for those exposed, 0 for the others.
        unit: shape (items,), cluster of each.
        notes: what was left out.
    """

    items: tuple[str, ...]
    score: Floats
    exposed: NDArray[np.bool_]
    exposures: Ints
    unit: Ints
    notes: tuple[str, ...]


def group_items(
    answers: Answers, subject: str, doses: Mapping[str, Dose | None], least: float, most: float
) -> Groups:
    """Part the subject's items: exposed from containment `least`, unexposed up to `most`.

    Raises:
        InputError: if the scan knows none of the items.
    """
    mine = answers.of(subject)
    known = [i in doses for i in mine["item"]]
    if not any(known):
        raise InputError(
            f"scan: none of its items is one of {answers.instrument}: it has such as "
            f"{one_line(next(iter(doses)), 60)!r}, the trials such as "
            f"{one_line(str(mine['item'][0]), 60)!r}"
        )
    notes = list(answers.lost(subject))
    kept: list[tuple[str, float, bool, int, str]] = []
    between = short = 0
    for item, cluster, score in mine.select("item", "cluster", "score").iter_rows():
        dose = doses.get(item)
        if dose is None:
            short += 1
        elif not (dose.exposed(least) or dose.unexposed(most)):
            between += 1
        else:
            seen = dose.exposed(least)
            label = f"i:{item}" if cluster is None else f"c:{cluster}"
            kept.append((item, score, seen, max(1, dose.exposures or 1) if seen else 0, label))
    if short:
        notes.append(f"{short:,} items that the scan lacks or could not scan are left out.")
    if between:
        notes.append(f"{between:,} items found in part only ({most:g} to {least:g}) are left out.")
    unit = {label: i for i, label in enumerate(dict.fromkeys(row[4] for row in kept))}
    return Groups(
        tuple(row[0] for row in kept), np.array([row[1] for row in kept], np.float64),
        np.array([row[2] for row in kept], np.bool_), np.array([row[3] for row in kept], np.int64),
        np.array([unit[row[4]] for row in kept], np.int64), tuple(notes),
    )  # fmt: skip


def inflation_bound(
    source: Any,
    *,
    subject: str,
    instrument: str,
    scan: str | Path | Mapping[str, Any],
    exposed_from: float = 0.2,
    score: str | None = None,
    level: float = 0.95,
) -> Inflation:
    """What exposure can explain at most: all that was scored on exposed items, and nothing less.

    Needs no reference subjects: a rectangular Type B term between 0 and the bound. Items that the
    scan lacks, or could not scan, count as exposed.

    Args:
        source, subject, instrument, scan, score, level: as `item_inflation`.
        exposed_from: containment from which an item counts as exposed.

    Raises:
        InputError: as `item_inflation`.
    """
    if not 0 < level < 1:
        raise InputError(f"level: wanted strictly between 0 and 1, got {level!r}")
    if not 0 < exposed_from <= 1:
        raise InputError(f"exposed_from: wanted above 0 and at most 1, got {exposed_from:g}")
    trials = trials_of(source, score)
    answers = answers_on(trials, instrument)
    doses, mine = read_scan(scan), answers.of(subject)
    known = {i: d for i in mine["item"] if (d := doses.get(i)) is not None}
    if not known:
        raise InputError(f"scan: none of its items is one of {answers.instrument}")
    clean = {i for i, d in known.items() if not d.exposures and d.containment < exposed_from}
    seen = np.array([i not in clean for i in mine["item"]])
    y = mine["score"].to_numpy()
    bound = float(y[seen].sum()) / y.size
    labels = [
        f"i:{i}" if c is None else f"c:{c}"
        for i, c in zip(mine["item"], mine["cluster"], strict=True)
    ]
    unit = np.unique(np.array(labels), return_inverse=True)[1].astype(np.int64)
    rest = np.where(seen, 0.0, y)
    low, high = mean_interval(rest, unit, level)[0], mean_interval(y, unit, level)[1]
    notes = list(answers.lost(subject))
    if unknown := len(labels) - len(known):
        notes.append(f"{unknown:,} items that were not scanned count as exposed.")
    observed = float(y.mean())
    return Inflation(
        subject=subject, instrument=instrument, score=str(trials["grader"][0]), design="bound",
        value=bound / 2, standard_error=bound / 2 / math.sqrt(3), df=None, interval=(0.0, bound),
        level=level, observed=observed, without=observed - bound / 2,
        without_interval=(low, high), p=None, reason="", items=y.size, references=0,
        terms=(term("bound from exposed items", "B", bound / 2 / math.sqrt(3), bound / 2),),
        method="bound from exposed items",
        assumptions=("Exposure only helps, and only on items that were exposed.",
                     "Items that the scan did not find were not in training in other words."),
        notes=tuple(notes),
        detail={"exposed": int(seen.sum()),
                "exposed_score": float(y[seen].mean()) if seen.any() else None},
    )  # fmt: skip
