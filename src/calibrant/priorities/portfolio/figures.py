"""How is a portfolio shown? Each area's chance to belong in the best one, funded or not."""

from __future__ import annotations

from calibrant._figure import Figure
from calibrant.priorities.portfolio.bars import BarRow, bars, titled
from calibrant.priorities.portfolio.result import Portfolio
from calibrant.priorities.portfolio.terms import short_money

_MOST = 30


def portfolio_figure(found: Portfolio) -> Figure:
    """The funded areas, and those next to them."""
    rows = [
        BarRow(
            titled(f.id, f.name),
            (f.p_best,),
            (f"{f.p_best:.0%}, {short_money(f.amount)}" + (" long" * (f.strategy == "long term")),),
            ("support" if f.strategy == "near term" else "futile",),
        )
        for f in found.funded[:_MOST]
    ]
    rows += [BarRow(titled(i, n), (p,), (f"{p:.0%}, none",), ("line",)) for i, n, p in found.close]
    return bars(
        rows, ["chance to belong in the best"],
        title=f"{short_money(found.spent)} to {len(found.funded)} areas, and those next in line",
        said="green: near term; yellow: long term; grey: left out", description=repr(found),
        wide=220,
    )  # fmt: skip
