"""What is shown, in which order? Every case as it was and as each probe alters it, both ways."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from calibrant.bench.judging.config import JudgeFile, Scale
from calibrant.bench.judging.prompts import criterion_of
from calibrant.errors import InputError
from calibrant.judges.probes.probe import Case, Kind, Probe


@dataclass(frozen=True)
class Showing:
    """One case as it is put to the judge.

    Attributes:
        number: of the case; probe: what altered it, None if nothing did.
        side: of the altered answer; first: the number of the answer shown first, None pointwise.
        case: as shown.
    """

    number: int
    probe: str | None
    side: int | None
    first: int | None
    case: Case

    @property
    def id(self) -> str:
        """Unique among the showings of a run."""
        return (
            f"{self.number:06d}-{self.probe or 'base'}-{'' if self.first is None else self.first}"
        )


@dataclass
class Plan:
    """All showings, case by case, and how often a probe had nothing to change."""

    showings: list[Showing] = field(default_factory=list)
    not_applicable: dict[str, int] = field(default_factory=dict)


def prepared(cases: Sequence[Case], judge: JudgeFile, scale: Scale, seed: int) -> list[Case]:
    """The cases with what probes may need to know: the judge's name, its scale, another answer."""
    names = {"judge": judge.name or judge.model or judge.label}
    order = np.random.default_rng([seed, 7]).permutation(len(cases)).tolist()
    place = {number: at for at, number in enumerate(order)}
    out = []
    for number, case in enumerate(cases):
        extra: dict[str, Any] = dict(names)
        if scale.labels and case.kind == "pointwise":
            extra["scale"] = scale.plain()
        other = _other(cases, order, place[number], case)
        if other is not None:
            extra["other"] = other
        # What the prompt says in any case can only be altered where the case holds it.
        rubric = case.rubric or (criterion_of(judge, case.kind) if judge.model else None)
        out.append(replace(case, rubric=rubric, extra={**extra, **case.extra}))
    return out


def _other(cases: Sequence[Case], order: list[int], at: int, case: Case) -> str | None:
    """An answer to another question: the next one in a shuffled round."""
    for step in range(1, len(order)):
        found = cases[order[(at + step) % len(order)]]
        if found.question != case.question and found.item != case.item:
            return found.answers[0]
    return None


def plan(cases: Sequence[Case], probes: Sequence[Probe], kind: Kind, seed: int) -> Plan:
    """Every case as it was, then as each probe alters it; pairs in both orders.

    Of half of the pairs, drawn at random for each probe, the first answer is altered, of the others
    the second: taking turns could follow a pattern of the table. What a probe draws depends on the
    seed, its name and the case alone, so that more probes or fewer change nothing.

    Raises:
        InputError: if an alteration gives another kind of case, or changes its item.
    """
    out = Plan()
    sides = {p.name: _sides(len(cases), p.name, seed) for p in probes}
    for number, case in enumerate(cases):
        _show(out, number, None, None, case, kind)
        for p in probes:
            if kind not in p.kinds:
                continue
            side, altered = _altered(p, case, number, sides[p.name][number], seed)
            if altered is None:
                out.not_applicable[p.name] = out.not_applicable.get(p.name, 0) + 1
            else:
                _show(out, number, p.name, side, altered, kind)
    return out


def _altered(p: Probe, case: Case, number: int, turn: int, seed: int) -> tuple[int, Case | None]:
    sides = (turn, 1 - turn) if case.kind == "pairwise" else (0,)
    for side in sides:
        digest = hashlib.sha256(f"{seed}\0{p.name}\0{number}\0{side}".encode()).digest()
        rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        found = p.alter(case, side, rng)
        if found is None:
            continue
        if found.item != case.item or len(found.answers) != len(case.answers):
            raise InputError(f"probe {p.name}: changes the item or the number of answers")
        return side, found
    return turn, None


def _sides(cases: int, probe: str, seed: int) -> list[int]:
    """As many 0 as 1 (one more at most), in an order drawn for this probe."""
    digest = hashlib.sha256(f"{seed}\0{probe}\0sides".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    return [int(x) for x in rng.permutation(np.arange(cases) + int(rng.integers(2))) % 2]


def _show(
    out: Plan, number: int, probe: str | None, side: int | None, case: Case, kind: Kind
) -> None:
    turns: tuple[int | None, ...] = (None,)
    if kind == "pairwise":
        turns = (0, 1) if number % 2 == 0 else (1, 0)
    out.showings += [Showing(number, probe, side, first, case) for first in turns]


def unreached(showings: Sequence[Showing], texts: Sequence[str]) -> set[tuple[int, str]]:
    """(case, probe) of alterations that leave all that the judge is shown as it was."""
    base: dict[tuple[int, int | None], str] = {}
    same: dict[tuple[int, str], bool] = {}
    for showing, text in zip(showings, texts, strict=True):
        if showing.probe is None:
            base[showing.number, showing.first] = text
        else:
            at = showing.number, showing.probe
            same[at] = same.get(at, True) and text == base[showing.number, showing.first]
    return {at for at, yes in same.items() if yes}
