"""One subject's adaptive test: what to ask next, what its full score is, whether that is enough."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.shorter.engine import Engine
from calibrant.quality.shorter.policy import Policy, Stop, check_level
from calibrant.quality.shorter.posterior import Posterior, posterior_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Verdict = Literal["supported", "refuted", "undetermined"]


@dataclass(frozen=True)
class Estimate:
    """A subject's score on all items of a bank, of which it answered some.

    Attributes:
        value: answers as they are, and the rest as expected.
        standard_error: measured on families not used in calibration: about 68 of 100 lie within.
        low, high: the interval.
        level: of the interval.
        items: with a score.
        watched: whether the interval holds however often one looks.
    """

    value: float
    standard_error: float
    low: float
    high: float
    level: float
    items: int
    watched: bool = False

    def __repr__(self) -> str:
        return (
            f"full score {self.value:.3f}, {self.level:.0%} interval {self.low:.3f} to "
            f"{self.high:.3f}, from {self.items} items"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "value": self.value, "standard_error": self.standard_error, "low": self.low,
            "high": self.high, "level": self.level, "items": self.items, "watched": self.watched,
        }  # fmt: skip


@dataclass(frozen=True)
class Decision:
    """Whether a session goes on.

    Attributes:
        stopped: whether it is done.
        reason: why, or what is missing.
        verdict: of the claim; None without one.
    """

    stopped: bool
    reason: str
    verdict: Verdict | None = None


@dataclass(frozen=True, eq=False)
class Session:
    """The state of one subject's test: never changed, `answer` makes the next one.

    Attributes:
        engine, seed, policy, stop: what was agreed beforehand.
        asked: numbers of the items with an answer or a failure, ascending.
        scores: shape (asked,), 0–1, NaN for a failure.
        absent: names of items that cannot be asked.
    """

    engine: Engine
    seed: int
    policy: Policy
    stop: Stop
    asked: Ints
    scores: Floats
    absent: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, engine: Engine, answers: Mapping[str, float | None], seed: int, policy: Policy,
        stop: Stop, absent: tuple[str, ...] = (),
    ) -> Session:  # fmt: skip
        """The session after these answers, in whatever order they came.

        Raises:
            InputError: for an unknown item or a score out of range.
        """
        found: dict[int, float] = {}
        for name, score in answers.items():
            if name not in engine.number:
                raise InputError(f"session: no item {one_line(name, 60)!r} in the engine")
            value = math.nan if score is None else float(score)
            if not math.isnan(value) and not engine.low <= value <= engine.high:
                raise InputError(
                    f"session: item {one_line(name, 60)!r}: wanted a score from {engine.low:g} to "
                    f"{engine.high:g}, got {value:g}"
                )
            found[engine.number[name]] = (value - engine.low) / (engine.high - engine.low)
        asked = np.array(sorted(found), np.int64)
        scores = np.array([found[int(j)] for j in asked], np.float64)
        unknown = next((name for name in absent if name not in engine.number), None)
        if unknown is not None:
            raise InputError(f"session: no item {one_line(unknown, 60)!r} in the engine")
        return cls(engine, seed, policy, stop, asked, scores, absent)

    @property
    def answers(self) -> dict[str, float | None]:
        """Item → score, None for a failure: with the seed, all that a session is made of."""
        low, width = self.engine.low, self.engine.high - self.engine.low
        pairs = zip(self.asked, self.scores, strict=True)
        return {
            self.engine.items[j]: None if math.isnan(x) else float(low + width * x)
            for j, x in pairs
        }

    def answer(self, item: str, score: float | None) -> Session:
        """The session after one more answer; a second answer to an item takes the first's place."""
        return self.after({item: score})

    def after(self, answers: Mapping[str, float | None]) -> Session:
        """The session after more answers."""
        merged = self.answers | dict(answers)
        return Session.of(self.engine, merged, self.seed, self.policy, self.stop, self.absent)

    @cached_property
    def posterior(self) -> Posterior:
        """What the answers say."""
        known = ~np.isnan(self.scores)
        engine = self.engine
        return posterior_of(
            engine.factors, engine.cloud, engine.worth, self.asked[known], self.scores[known]
        )

    @cached_property
    def _chance(self) -> Floats:
        """Shape (2, items): numbers that belong to the seed alone, for barring and for order."""
        drawn: Floats = np.random.default_rng(self.seed).random((2, len(self.engine.items)))
        return drawn

    def next(self, n: int = 1, pending: Iterable[str] = ()) -> tuple[str, ...]:
        """What to ask next.

        Args:
            n: how many more items, for several calls in flight at once; each is chosen as if the
                answers to those before it, and to what is pending, were known already.
            pending: items asked and not answered yet.

        Returns:
            At most n items: fewer when the session is done or the bank is; none twice.

        Raises:
            InputError: for an unknown pending item.
        """
        waiting: list[int] = []
        for name in pending:
            if name not in self.engine.number:
                raise InputError(f"session: no item {one_line(name, 60)!r} in the engine")
            j = self.engine.number[name]
            if j not in waiting and j not in self.asked:
                waiting.append(j)
        if self.decide().stopped:
            return ()
        chosen: list[int] = []
        for _ in range(min(n, self._room(len(waiting)))):
            best = self._best([*waiting, *chosen])
            if best is None:
                break
            chosen.append(best)
        return tuple(self.engine.items[j] for j in chosen)

    def _room(self, waiting: int) -> int:
        most = len(self.engine.items) if self.stop.items is None else self.stop.items
        return max(0, most - len(self.asked) - waiting)

    def _best(self, taken: list[int]) -> int | None:
        """The next item, when some are taken besides those asked."""
        free = np.ones(len(self.engine.items), np.bool_)
        free[self.asked] = False
        free[taken] = False
        free[[self.engine.number[name] for name in self.absent]] = False
        if self.policy.exposure is not None:
            free &= self._chance[0] < self.policy.exposure
        if self.policy.balance and self.engine.categories is not None:
            free = self._balanced(free, taken)
        open_items = np.flatnonzero(free)
        if not open_items.size:
            return None
        order = self._chance[1]
        if self.policy.pick == "random":
            return int(open_items[np.argmin(order[open_items])])
        gains = self.posterior.gains(np.array(taken, np.int64))[open_items]
        best = open_items[np.argsort(-gains, kind="stable")[: self.policy.among]]
        return int(best[np.argmin(order[best])]) if self.policy.among > 1 else int(best[0])

    def _balanced(self, free: NDArray[np.bool_], taken: list[int]) -> NDArray[np.bool_]:
        """Only items of the category that is furthest behind its part, among those with any."""
        names, group = np.unique(np.array(self.engine.categories), return_inverse=True)
        wanted = np.bincount(group, weights=self.engine.worth)
        used = np.bincount(group[np.concatenate([self.asked, taken]).astype(np.int64)],
                           minlength=len(names))  # fmt: skip
        behind = wanted * (used.sum() + 1) - used
        behind[np.bincount(group[free], minlength=len(names)) == 0] = -np.inf
        chosen: NDArray[np.bool_] = free & (group == int(np.argmax(behind)))
        return chosen

    def estimate(self, level: float = 0.95, *, watched: bool = False) -> Estimate:
        """The full score, with an interval that was measured on unseen families.

        Args:
            level: of the interval.
            watched: for an interval that holds at every number of items at once.
        """
        check_level(level)
        engine, known = self.engine, self.posterior
        width = engine.high - engine.low
        count = int(known.answered.sum())
        own = math.sqrt(known.variance) if count < len(engine.items) else 0.0
        pick, least = self.policy.pick, self.stop.least
        stretch = engine.evidence.stretch(pick, count, level, watched=watched, least=least)
        error = own * engine.evidence.stretch(pick, count, 0.6827)
        value, half = known.value, stretch * own
        # Scores not seen yet cannot leave their range.
        floor, ceiling = known.got, known.got + float(engine.worth[~known.answered].sum())
        low, high = max(value - half, floor), min(value + half, ceiling)
        points = (engine.low + width * x for x in (value, min(low, value), max(high, value)))
        value, low, high = points
        return Estimate(value, width * error, low, high, level, count, watched)

    def decide(self) -> Decision:
        """Whether the session is done, and what it says of the claim."""
        stop, asked = self.stop, len(self.asked)
        scored = int((~np.isnan(self.scores)).sum())
        verdict: Verdict | None = None
        if stop.claim is not None:
            verdict = self._verdict() if scored >= stop.least else "undetermined"
            if verdict != "undetermined":
                return Decision(True, "the claim is decided", verdict)
        if stop.standard_error is not None and scored >= stop.least:
            error = self.estimate().standard_error
            if error <= stop.standard_error:
                return Decision(True, f"standard error {error:.3g}", verdict)
        if stop.items is not None and asked >= stop.items:
            return Decision(True, f"{asked} items asked", verdict)
        if len({*self.answers, *self.absent}) == len(self.engine.items):
            return Decision(True, "no item is left", verdict)
        return Decision(False, f"{asked} items asked", verdict)

    def _verdict(self) -> Verdict:
        claim = self.stop.claim
        assert claim is not None
        found = self.estimate(claim.level, watched=True)
        if found.high < claim.threshold:
            return "supported" if claim.side == "below" else "refuted"
        if found.low > claim.threshold:
            return "supported" if claim.side == "above" else "refuted"
        return "undetermined"

    def to_dict(self) -> dict[str, Any]:
        """Plain data: what was agreed, what was answered, what follows."""
        done = self.decide()
        return {
            "seed": self.seed, "policy": self.policy.to_dict(), "answers": self.answers,
            "estimate": self.estimate().to_dict(), "stopped": done.stopped, "reason": done.reason,
            "verdict": done.verdict,
        }  # fmt: skip
