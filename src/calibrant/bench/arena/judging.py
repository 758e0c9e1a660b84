"""What do the judges say of the comparisons of a round? Rules at once, models through Inspect."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from calibrant.bench.arena.config import ArenaFile, Judge
from calibrant.bench.arena.prompts import TEMPLATE, check_template, prompt, read_verdict
from calibrant.bench.arena.rules import (
    OUTCOMES,
    Answer,
    Item,
    Outcome,
    Rule,
    Verdict,
    mirror,
    open_rule,
)
from calibrant.bench.arena.streams import Shown
from calibrant.bench.trial import Trial


@dataclass(frozen=True)
class Unit:
    """One comparison: two subjects on one item.

    Attributes:
        a, b: indices of the subjects, a below b.
        position: of the item; each pair meets the items in their order.
        round: when it was chosen, from 0.
    """

    a: int
    b: int
    position: int
    round: int

    @property
    def turned(self) -> bool:
        """Whether b stands left (is shown first): every other time."""
        return self.position % 2 == 1


@dataclass(frozen=True)
class Said:
    """One verdict as given: `outcome` of left against right as shown; None if it failed."""

    unit: Unit
    judge: str
    b_left: bool
    outcome: Outcome | None
    reason: str | None
    time: str = ""
    margin: float | None = None


@dataclass(frozen=True)
class Judged:
    """What a unit came to: `outcome` "left" if a is better; None if no judge could say."""

    unit: Unit
    item: Item
    outcome: Outcome | None
    reason: str | None
    said: tuple[Said, ...]


Ask = Callable[[Judge, int, Sequence[Shown]], Awaitable[list[Trial]]]
"""Puts texts to a model judge in a round, and returns its answers in their order."""


class Panel:
    """The judges of an arena."""

    def __init__(self, arena: ArenaFile, base: Path) -> None:
        self.arena = arena
        self.rules: dict[str, Rule] = {}
        for judge in arena.panel:
            if judge.rule is not None:
                self.rules[judge.label] = open_rule(judge.rule, judge.score, base)
            elif judge.template is not None:
                check_template(judge.template, f"judge {judge.label}")

    async def judge(
        self, units: Sequence[tuple[Unit, Item, Trial, Trial]], number: int, ask: Ask
    ) -> list[Judged]:
        """Verdicts on the units of round `number`, each with its item and both answers."""
        whole = [u for u in units if u[2].error is None and u[3].error is None]
        said: dict[Unit, list[tuple[Verdict, list[Said]]]] = {u[0]: [] for u in units}
        for judge in self.arena.panel:
            if judge.model is None:
                for unit, item, a, b in whole:
                    said[unit].append(self._by_rule(judge.label, unit, item, a, b))
                continue
            shown = [s for u in whole for s in self._shown(judge, *u)]
            answers = await ask(judge, number, shown) if shown else []
            combine = _by_odds if judge.reading == "log-odds" else _both
            for at, (unit, *_) in enumerate(whole):
                said[unit].append(combine(judge.label, unit, answers[2 * at : 2 * at + 2]))
        return [_vote(unit, item, a, b, said[unit]) for unit, item, a, b in units]

    def _by_rule(
        self, label: str, unit: Unit, item: Item, a: Trial, b: Trial
    ) -> tuple[Verdict, list[Said]]:
        found = self.rules[label](item, Answer(a.answer, a.scores), Answer(b.answer, b.scores))
        seen = found.outcome
        if seen is not None and unit.turned:
            seen = mirror(seen)
        return found, [Said(unit, label, unit.turned, seen, found.reason)]

    def _shown(self, judge: Judge, unit: Unit, item: Item, a: Trial, b: Trial) -> list[Shown]:
        """Both orders, the one with a first before the other at every other item."""
        out = []
        for turned in (unit.turned, not unit.turned):
            first, second = (b, a) if turned else (a, b)
            text = prompt(
                judge.template or TEMPLATE,
                question=item.question, target=item.target,
                first=first.answer, second=second.answer, criterion=judge.criterion,
                secret=str(self.arena.seed), most_characters=judge.most_characters,
            )  # fmt: skip
            out.append(Shown(f"{unit.a}-{unit.b}-{unit.position}-{int(turned)}", text))
        return out


def _both(label: str, unit: Unit, answers: Sequence[Trial]) -> tuple[Verdict, list[Said]]:
    """One judge's verdict from both orders: a win if both say so, else a tie; failed if one is."""
    said, by_a = [], []
    for trial, turned in zip(answers, (unit.turned, not unit.turned), strict=True):
        found = Verdict(None, trial.error) if trial.error else read_verdict(trial.answer)
        said.append(Said(unit, label, turned, found.outcome, found.reason, trial.time))
        if found.outcome is not None:
            by_a.append(mirror(found.outcome) if turned else found.outcome)
    failed = next((s.reason for s in said if s.outcome is None), None)
    if len(by_a) < 2:
        return Verdict(None, failed), said
    return Verdict(by_a[0] if by_a[0] == by_a[1] else "tie"), said


def _by_odds(label: str, unit: Unit, answers: Sequence[Trial]) -> tuple[Verdict, list[Said]]:
    """One judge's verdict from the log-odds of both orders: what it gives a place cancels."""
    said, by_a = [], []
    for trial, turned in zip(answers, (unit.turned, not unit.turned), strict=True):
        odds = trial.scores.get("log_odds")
        if trial.error or not isinstance(odds, int | float):
            reason = trial.error or "1 and 2 are not both among its likeliest first tokens"
            said.append(Said(unit, label, turned, None, reason, trial.time))
            continue
        outcome: Outcome = "left" if odds > 0 else "right" if odds < 0 else "tie"
        said.append(Said(unit, label, turned, outcome, None, trial.time, float(odds)))
        by_a.append(-odds if turned else odds)
    if len(by_a) < 2:
        return Verdict(None, next(s.reason for s in said if s.outcome is None)), said
    total = sum(by_a)
    return Verdict("left" if total > 0 else "right" if total < 0 else "tie"), said


def _vote(
    unit: Unit, item: Item, a: Trial, b: Trial, said: list[tuple[Verdict, list[Said]]]
) -> Judged:
    """What more than half of the judges who could say it say; else a tie."""
    everything = tuple(s for _, part in said for s in part)
    for trial in (a, b):
        if trial.error is not None:
            return Judged(unit, item, None, f"no answer: {trial.error}", everything)
    votes = [v.outcome for v, _ in said if v.outcome is not None]
    if not votes:
        return Judged(unit, item, None, said[0][0].reason, everything)
    found: Outcome = "tie"
    for outcome in OUTCOMES[:2]:
        if 2 * votes.count(outcome) > len(votes):
            found = outcome
    return Judged(unit, item, found, None, everything)
