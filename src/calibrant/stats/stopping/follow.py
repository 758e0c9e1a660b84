"""Where does a run stand between its boundaries? One path through a design, trial by trial."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from calibrant.stats.stopping.designs import Design
from calibrant.stats.stopping.paths import NEVER, stops

State = Literal["open", "supported", "refuted", "futile", "exhausted"]


@dataclass
class Follower:
    """Follows one sequence of trials through a design, in their fixed order.

    Attributes:
        design: the rule.
        n, k: trials and events so far.
        closed: support has been given up; only a refutation is still sought.
        state: "open", or how the path ended. A path that has ended takes no more trials.
    """

    design: Design
    n: int = 0
    k: int = 0
    closed: bool = False
    state: State = "open"

    def add(self, event: bool) -> State:
        """Take the next trial and return the new state.

        Raises:
            ValueError: if the path has already ended.
        """
        if self.state != "open":
            raise ValueError(f"this path ended after {self.n} trials: {self.state}")
        b = self.design.boundary
        self.n += 1
        if event:
            self.k += 1
            if self.n <= b.refute[self.k]:
                self.state = "refuted"
            elif self.n <= b.futile[self.k]:
                self.closed = True
        if self.state == "open":
            if not self.closed and self.n >= b.support[self.k]:
                self.state = "supported"
            elif self.closed and self.n >= b.give_up[self.k]:
                self.state = "futile"
            elif self.n >= b.horizon:
                self.state = "exhausted"
        return self.state

    @property
    def trials_to_support(self) -> int | None:
        """Trials without an event that would support the claim now; None if support is closed."""
        at = int(self.design.boundary.support[self.k])
        return None if self.closed or at == NEVER else at - self.n

    @property
    def events_to_refute(self) -> int | None:
        """Events in a row that would refute the claim now; None if too few trials are left."""
        b = self.design.boundary
        for more in range(1, min(b.horizon - self.n, b.rows - 1 - self.k) + 1):
            if self.n + more <= b.refute[self.k + more]:
                return more
        return None

    def expected_to_go(self, rate: float) -> float:
        """Expected further trials if the true rate of events were `rate`: exact for a generator.

        For a finite set it is a close guide only, as it ignores what the draws so far used up.
        """
        if self.state != "open":
            return 0.0
        ahead = stops(self.design.boundary, rate, n=self.n, k=self.k, closed=self.closed)
        return ahead.expected_n - self.n
