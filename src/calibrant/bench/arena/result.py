"""What came of an arena? Tiers with what settled them, ratings, costs, and how to repeat it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from calibrant._text import dumps, one_line


@dataclass(frozen=True, repr=False)
class Arena:
    """The outcome of an arena.

    Attributes:
        decision, alpha, tied_within, transitive: what was asked.
        settled: whether it was decided.
        reason: why it ended, in words.
        subjects: names, best tier first.
        tiers: names by tier; tier 1 holds those whom nobody was shown to beat.
        best: for top-1, the one left if it is settled.
        pairs: one entry a pair: its games and state ("separated", "implied", "tied" or "open").
        ratings: what `calibrant rate` says of the comparisons, or None where no rating exists.
        comparisons: made, with failed ones; budget: at most.
        failed: of them, no judge could say.
        outcomes: of the others: decided and ties.
        rounds: how often pairs were chosen.
        answers: for each subject, answers asked for, failed, tokens and cost.
        judges: for each judge, verdicts given and failed, the share that changed when the answers
            swapped sides (models), tokens and cost.
        cost: dollars, where known.
        provenance: seeds, versions, subjects' identities, items.
        warnings, notes: what a reader must know, one sentence each.
        folder: the run folder.
    """

    decision: str
    alpha: float
    tied_within: float | None
    transitive: bool
    settled: bool
    reason: str
    subjects: tuple[str, ...]
    tiers: tuple[tuple[str, ...], ...]
    best: str | None
    pairs: tuple[Mapping[str, Any], ...]
    ratings: Mapping[str, Any] | None
    comparisons: int
    budget: int
    failed: int
    outcomes: Mapping[str, int]
    rounds: int
    answers: Mapping[str, Mapping[str, Any]]
    judges: Mapping[str, Mapping[str, Any]]
    cost: float | None
    provenance: Mapping[str, Any]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    folder: str = field(default="", repr=False)

    @property
    def exit_code(self) -> int:
        """0 if settled, else 3."""
        return 0 if self.settled else 3

    def __repr__(self) -> str:
        names = " > ".join(", ".join(one_line(n, 40) for n in t) for t in self.tiers)
        state = "settled" if self.settled else "not settled"
        return (
            f"{self.decision} {state} after {self.comparisons:,} comparisons of "
            f"{len(self.subjects)} subjects: {names}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data; the field names are the contract of `arena.json`."""
        data = dict(self.__dict__)
        data.pop("folder")
        return {
            **data,
            "subjects": list(self.subjects),
            "tiers": [list(t) for t in self.tiers],
            "pairs": [dict(p) for p in self.pairs],
            "warnings": list(self.warnings),
            "notes": list(self.notes),
        }

    def to_json(self) -> str:
        """One JSON document."""
        return dumps(self.to_dict(), indent=1)


@dataclass(frozen=True)
class ArenaProgress:
    """Where an arena stands.

    Attributes:
        done, pairs: pairs that need no more games, and all.
        tiers: names by tier, so far.
        to_go: comparisons about still needed, at most what the budget leaves; None before any.
    """

    comparisons: int
    budget: int
    done: int
    pairs: int
    tiers: tuple[tuple[str, ...], ...]
    to_go: float | None
    calls: int
    settled: bool
