"""What was found: flags with their reasons, and what the ranking would be without whom."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from calibrant.priorities.integrity.conflicts import Conflict
from calibrant.priorities.integrity.influence import Influence

Kind = Literal["run", "spread", "odd", "speed", "floor", "pair", "group"]

MEANING: dict[Kind, str] = {
    "run": "one answer again and again",
    "spread": "hardly any spread for that mean",
    "odd": "goes against the others",
    "speed": "much faster than the others",
    "floor": "faster than one can read",
    "pair": "two rows alike",
    "group": "a group agrees too much",
}


@dataclass(frozen=True)
class Flag:
    """A reason to look at someone's answers; never a verdict.

    Attributes:
        respondents: one, or those who agree too much.
        p: chance of something as striking among honest respondents, for this kind as a whole;
            None for the floor, which is a rule.
        reason: in a sentence.
        alone: whether it means something without another flag. Speed does not.
    """

    kind: Kind
    respondents: tuple[str, ...]
    p: float | None
    reason: str
    alone: bool

    def __repr__(self) -> str:
        return f"{', '.join(self.respondents)}: {MEANING[self.kind]} ({self.reason})"

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"meaning": MEANING[self.kind]}


@dataclass(frozen=True, repr=False)
class Integrity:
    """What the checks of a ratings table found. Nothing was removed.

    Attributes:
        respondents, answers: how many were looked at.
        tested: how many respondents, or pairs, each kind of check could look at.
        alpha: for each kind, the largest chance that honest respondents give any flag.
        top: the k first areas of the ranking with everybody.
        influence: respondents whose leaving changes them.
        without: what changes without each flag's respondents, in the flags' order, and last
            without all of them.
        conflicts: the effect of own areas, question by question; empty if none were given.
    """

    respondents: int
    answers: int
    tested: dict[str, int]
    alpha: float
    draws: int
    flags: tuple[Flag, ...]
    top: tuple[str, ...]
    influence: tuple[Influence, ...]
    without: tuple[Influence, ...]
    conflicts: tuple[Conflict, ...]
    notes: tuple[str, ...]

    @property
    def flagged(self) -> tuple[str, ...]:
        """Everyone with a flag that means something alone, in order."""
        return tuple(sorted({r for f in self.flags if f.alone for r in f.respondents}))

    def __repr__(self) -> str:
        who = len(self.flagged)
        said = "nobody stands out" if not who else f"{who} stand out and should be looked at"
        if who == 1:
            said = "one stands out and should be looked at"
        moved = len(self.influence)
        return (
            f"{self.answers:,} answers of {self.respondents:,} respondents: {said}; "
            f"{moved} alone could change the top {len(self.top)} by means"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "respondents": self.respondents,
            "answers": self.answers,
            "tested": dict(self.tested),
            "alpha": self.alpha,
            "draws": self.draws,
            "flagged": list(self.flagged),
            "flags": [f.to_dict() for f in self.flags],
            "top": list(self.top),
            "influence": [i.to_dict() for i in self.influence],
            "without": [w.to_dict() for w in self.without],
            "conflicts": [c.to_dict() for c in self.conflicts],
            "notes": list(self.notes),
        }
