"""What may a portfolio cost, and how must it be spread? Budgets, grants, and rules."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.records.frames import table_of

_UNITS = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "bn": 1e9}
_MONEY = re.compile(r"^[$€£]?\s*([0-9][0-9,_]*(?:\.[0-9]+)?)\s*([a-zA-Z]*)$")


def money(text: str | float) -> float:
    """An amount of money, such as "100M".

    >>> money("100M"), money("2.5 bn"), money(40_000)
    (100000000.0, 2500000000.0, 40000.0)

    Raises:
        InputError: if it is none, or not above 0.
    """
    if isinstance(text, str):
        found = _MONEY.match(text.strip())
        unit = found[2].lower() if found else "?"
        if found is None or unit not in _UNITS:
            raise InputError(f"money: wanted such as 10M, got {one_line(text, 40)!r}")
        value = float(found[1].replace(",", "").replace("_", "")) * _UNITS[unit]
    else:
        value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"money: wanted above 0, got {one_line(str(text), 40)!r}")
    return value


def short_money(amount: float) -> str:
    """An amount as people write it.

    >>> short_money(100e6), short_money(2.5e9), short_money(0)
    ('$100M', '$2.5B', '$0')
    """
    for unit, size in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if amount >= size:
            return f"${amount / size:,.4g}{unit}"
    return f"${amount:,.4g}"


@dataclass(frozen=True)
class Cost:
    """What an area costs.

    Attributes:
        grant: of one grant, above 0.
        least: fewest grants, if the area is funded at all.
        most: most grants; 0 keeps the area out.
    """

    grant: float
    least: int = 1
    most: int = 1


@dataclass(frozen=True)
class Terms:
    """Money and rules.

    Attributes:
        budget: all of it.
        grant: what one grant costs where `costs` says nothing else.
        long_term: share of the budget for the long-term strategy, 0–1.
        most: grants to one area, at most, where `costs` says nothing else.
        returns: what each further grant to an area is worth, as a share of the one before, 0–1.
        category_share: largest share of the budget in one category, 0–1; None: no limit.
        categories: fewest categories that get a grant.
        costs: area id → what it costs.
    """

    budget: float
    grant: float
    long_term: float = 0.0
    most: int = 1
    returns: float = 0.5
    category_share: float | None = None
    categories: int = 0
    costs: Mapping[str, Cost] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("budget", "grant"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"{name}: wanted above 0, got {value!r}")
        for name in ("long_term", "returns", "category_share"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise InputError(f"{name.replace('_', '-')}: wanted 0 to 1, got {value!r}")
        if self.most < 1:
            raise InputError(f"most: wanted 1 grant an area or more, got {self.most}")
        if self.categories < 0:
            raise InputError(f"categories: wanted 0 or more, got {self.categories}")

    def cost(self, area: str) -> Cost:
        """What an area costs."""
        return self.costs.get(area, Cost(self.grant, 1, self.most))

    def budgets(self) -> tuple[float, float]:
        """Money for the near term, and for the long term."""
        late = self.budget * self.long_term
        return self.budget - late, late


def read_costs(source: Any, most: int = 1) -> dict[str, Cost]:
    """What areas cost: columns area and cost, and if there least and most (grants).

    Raises:
        InputError: naming the row that is wrong.
    """
    frame = table_of(source, "costs")
    missing = [c for c in ("area", "cost") if c not in frame.columns]
    if missing:
        raise InputError(f"costs: no column {', '.join(missing)}; wanted area, cost")
    found: dict[str, Cost] = {}
    for at, row in enumerate(frame.iter_rows(named=True), start=1):
        area = str(row["area"] or "").strip()
        if not area:
            raise InputError(f"costs: row {at}: area is empty")
        if area in found:
            raise InputError(f"costs: row {at}: area {one_line(area, 40)} stands there twice")
        try:
            grant = money(row["cost"] if row["cost"] is not None else "")
        except InputError as e:
            raise InputError(f"costs: row {at}: {e}") from None
        least = _whole(row.get("least"), 1, f"costs: row {at}: least", 1)
        top = _whole(row.get("most"), max(most, least), f"costs: row {at}: most", 0)
        if top and top < least:
            raise InputError(f"costs: row {at}: most is {top}, below least, {least}")
        found[area] = Cost(grant, least, top)
    return found


def _whole(value: Any, default: int, where: str, low: int) -> int:
    if value is None or str(value).strip() == "":
        return default
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not number >= low or number != int(number):
        raise InputError(
            f"{where}: wanted a whole number of {low} or more, got {one_line(str(value), 40)!r}"
        )
    return int(number)
