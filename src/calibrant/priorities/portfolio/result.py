"""What a portfolio is, as a plain result."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from calibrant.priorities.portfolio.terms import short_money

Strategy = Literal["near term", "long term"]
Span = tuple[float, float]


@dataclass(frozen=True)
class Funded:
    """One area that gets money.

    Attributes:
        grants, amount: how many, and how much.
        importance, tractability: posterior means.
        value, value_interval: of its grants, by the utility assumed.
        p_best: chance that it belongs in the best portfolio, if all ratings were known.
    """

    id: str
    name: str
    category: str | None
    strategy: Strategy
    grants: int
    amount: float
    importance: float
    tractability: float
    value: float
    value_interval: Span
    p_best: float


@dataclass(frozen=True)
class Other:
    """Another portfolio, and what it changes against the one proposed.

    Attributes:
        name: of the utility, or "robust".
        enter, leave: areas funded instead, and no longer.
        loss: what the proposed portfolio loses against it, as a share of its value, by its own
            yardstick: another utility's expected value, or the mean of the worst draws.
    """

    name: str
    enter: tuple[str, ...]
    leave: tuple[str, ...]
    loss: float


@dataclass(frozen=True, repr=False)
class Portfolio:
    """What to fund under a budget, and how sure that is.

    Attributes:
        funded: the areas that get money, by strategy and then value.
        close: areas that get none although their chance to belong in the best portfolio is the
            highest of those left out: (id, name, chance).
        spent, budget: money.
        value, value_interval: of the whole.
        at_risk: the value that it falls below with a chance of 5 %; `shortfall`: its mean value
            in the worst tenth of draws.
        regret: what it loses in expectation against the best portfolio in truth; as much is what
            knowing all ratings would be worth. `regret_error`: its Monte Carlo standard error.
        regret_share: the same as a share of the best portfolio's expected value.
        regret_money: the same in money, at the worth per money of the grants that were bought.
        p_exact: chance that it is the best portfolio.
        robust: the portfolio of the best worst tenth; None if not asked for.
        sensitivity: portfolios by other utilities.
        utility: in words.
    """

    funded: tuple[Funded, ...]
    close: tuple[tuple[str, str, float], ...]
    budget: float
    spent: float
    value: float
    value_interval: Span
    level: float
    at_risk: float
    shortfall: float
    regret: float
    regret_error: float
    regret_share: float
    regret_money: float
    p_exact: float
    robust: Other | None
    sensitivity: tuple[Other, ...]
    utility: str
    method: str
    draws: int
    seed: int
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        n = len(self.funded)
        return (
            f"{short_money(self.spent)} of {short_money(self.budget)} to {n} "
            f"{'area' if n == 1 else 'areas'}: expected to lose {self.regret_share:.0%} of what "
            f"the best portfolio is worth; knowing every rating exactly would be worth "
            f"{short_money(self.regret_money)}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        found = asdict(self)
        found["close"] = [{"id": i, "name": n, "p_best": p} for i, n, p in self.close]
        return found
