"""Printed tables of known origin: honest ones, and ones with one planted error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from calibrant.priorities.tables.printed import rounded

QUESTIONS = ("importance", "tractability")


@dataclass(frozen=True)
class Printed:
    """A printed table, as columns of text.

    Attributes:
        columns: of the table.
        planted: the row that was changed, or None.
    """

    columns: dict[str, list[str]]
    planted: int | None = None


def honest(regime: Mapping[str, Any], rng: np.random.Generator) -> Printed:
    """A table of whole-number ratings, printed by some rule.

    Args:
        regime: rows; most (respondents a row); scale (highest rating, from 1); digits; rule:
            "half-up", "half-even" or "float" (floating point, rounded as Python does); basis of
            products: "unrounded" or "rounded"; lost: share of don't-knows; sd: "sample",
            "population" or "none".
    """
    columns: dict[str, list[str]] = {k: [] for k in ("area", *QUESTIONS, "promise", "n")}
    digits, high = int(regime["digits"]), int(regime["scale"])
    sds: dict[str, list[str]] = {f"sd_{q}": [] for q in QUESTIONS}
    for row in range(int(regime["rows"])):
        asked = int(rng.integers(3, int(regime["most"]) + 1))
        columns["area"].append(f"area {row + 1}")
        columns["n"].append(str(asked))
        means, shown = [], []
        for q in QUESTIONS:
            lost = rng.random(asked) < regime["lost"]
            number = max(int((~lost).sum()), 2)
            middle = rng.uniform(0.5, high + 0.5)
            raw = np.rint(middle + rng.normal(0, high / 5, number))
            values = np.clip(raw, 1, high).astype(np.int64)
            mean = Fraction(int(values.sum()), number)
            means.append(mean)
            shown.append(_print(mean, digits, regime["rule"]))
            columns[q].append(shown[-1])
            if regime["sd"] != "none":
                sd = float(np.std(values, ddof=1 if regime["sd"] == "sample" else 0))
                sds[f"sd_{q}"].append(f"{sd:.{digits}f}")
        parts = means if regime["basis"] == "unrounded" else [Fraction(s) for s in shown]
        columns["promise"].append(_print(parts[0] * parts[1], digits, regime["rule"]))
    return Printed(columns | (sds if regime["sd"] != "none" else {}))


def _print(value: Fraction, digits: int, rule: str) -> str:
    if rule == "float":
        return f"{float(value):.{digits}f}"
    return rounded(value, digits, "half-up" if rule == "half-up" else "half-even")


def planted(regime: Mapping[str, Any], rng: np.random.Generator) -> Printed:
    """An honest table with one misprint.

    Args:
        regime: as for `honest`; error: "mean" or "promise", in which one digit is another, or "n",
            which is one more or less.
    """
    table = honest(regime, rng)
    row = int(rng.integers(int(regime["rows"])))
    name = {"mean": QUESTIONS[int(rng.integers(2))]}.get(regime["error"], regime["error"])
    cell = table.columns[name][row]
    if regime["error"] == "n":
        cell = str(max(2, int(cell) + int(rng.choice([-1, 1]))))
    else:
        # Another digit after the point, so that the number stays on the scale.
        at = cell.index(".") + 1 + int(rng.integers(int(regime["digits"])))
        digit = str((int(cell[at]) + int(rng.integers(1, 10))) % 10)
        cell = cell[:at] + digit + cell[at + 1 :]
        if name in QUESTIONS and float(cell) > int(regime["scale"]):
            cell = f"{2 * int(regime['scale']) - float(cell):.{int(regime['digits'])}f}"
    table.columns[name][row] = cell
    return Printed(table.columns, row)
