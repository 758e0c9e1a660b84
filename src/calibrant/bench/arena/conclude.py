"""What do the comparisons of a run amount to? From a standing and a journal to a result."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant._version import __version__
from calibrant.bench.arena.config import ArenaFile
from calibrant.bench.arena.judging import Judged
from calibrant.bench.arena.prompts import asks_for_verdict
from calibrant.bench.arena.result import Arena
from calibrant.bench.arena.rules import mirror
from calibrant.bench.arena.tables import decided_on
from calibrant.bench.folder import RunFolder
from calibrant.bench.streams import Stream
from calibrant.bench.trial import Trial
from calibrant.errors import InputError
from calibrant.ratings.fit import RatingError
from calibrant.ratings.pairing.settle import Standing, threshold
from calibrant.ratings.rate import rate
from calibrant.ratings.uncertainty.covariance import FEWEST_CLUSTERS
from calibrant.ratings.uncertainty.live import evidence, share_limits

Tiers = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Session:
    """What a run has at its end."""

    arena: ArenaFile
    items: Stream
    folder: RunFolder
    standing: Standing
    asked: NDArray[np.int64]
    judged: Sequence[Judged]
    answers: Mapping[str, list[Trial]]
    verdicts: Mapping[str, list[Trial]]
    rounds: int
    reason: str

    @property
    def names(self) -> tuple[str, ...]:
        """The subjects, in the order of the file."""
        return tuple(s.name for s in self.arena.subjects)


def names_by_tier(standing: Standing, names: Sequence[str]) -> Tiers:
    """Names by tier, best first."""
    most = int(standing.tiers.max())
    return tuple(
        tuple(n for n, t in zip(names, standing.tiers, strict=True) if t == tier)
        for tier in range(1, most + 1)
    )


def conclude(s: Session) -> Arena:
    """The result of a run."""
    goal, standing = s.arena.goal, s.standing
    tiers = names_by_tier(standing, s.names)
    ratings, why = _ratings(s)
    outcomes = [j.outcome for j in s.judged]
    costs = [t.cost for part in (*s.answers.values(), *s.verdicts.values()) for t in part]
    known = [c for c in costs if c is not None]
    reason = s.reason
    if standing.cyclic:
        reason += "; separations go round in a circle, so no order fits what the judges say"
    best = tiers[0][0] if goal.decision == "top-1" and len(tiers[0]) == 1 else None
    return Arena(
        decision=goal.decision,
        alpha=goal.alpha,
        tied_within=goal.tied_within,
        transitive=goal.transitive,
        settled=standing.settled,
        reason=reason,
        subjects=tuple(n for t in tiers for n in t),
        tiers=tiers,
        best=best if standing.settled else None,
        pairs=_pairs(s),
        ratings=ratings,
        comparisons=len(s.judged),
        budget=s.arena.budget,
        failed=outcomes.count(None),
        outcomes={
            "decided": outcomes.count("left") + outcomes.count("right"),
            "ties": outcomes.count("tie"),
        },
        rounds=s.rounds,
        answers={name: _usage(trials) for name, trials in s.answers.items()},
        judges=_judges(s),
        cost=sum(known) if known else None,
        provenance=_provenance(s),
        warnings=_warnings(s),
        notes=_notes(s, why),
        folder=str(s.folder.path),
    )


def _pairs(s: Session) -> tuple[dict[str, Any], ...]:
    standing, goal = s.standing, s.arena.goal
    size = len(s.names)
    i, j = np.triu_indices(size, 1)
    wins = standing.wins
    ties, failed = np.zeros((size, size)), np.zeros((size, size))
    for unit in s.judged:
        at = unit.unit.a, unit.unit.b
        if unit.outcome is None:
            failed[at] += 1
        elif unit.outcome == "tie":
            ties[at] += 1
    limit = threshold(size, goal.alpha)
    level = 1 - goal.alpha / i.size
    out = []
    for a, b in zip(i.tolist(), j.tolist(), strict=True):
        lost = failed[a, b]
        # The better stands first; without a decision, who won more.
        turn = standing.better[b, a] or (not standing.better[a, b] and wins[b, a] > wins[a, b])
        x, y = (b, a) if turn else (a, b)
        w, v = np.array([wins[x, y]]), np.array([wins[y, x]])
        low, high = share_limits(w, v, level)
        state = _state(standing, x, y)
        entry = {
            "better": s.names[x], "worse": s.names[y], "state": state,
            "wins": int(w[0]), "losses": int(v[0]), "ties": int(ties[a, b]), "failed": int(lost),
            "log_e": float(standing.log_e[x, y]), "interval": [float(low[0]), float(high[0])],
        }  # fmt: skip
        if state == "separated" and lost:
            worst = float(evidence(w, v + lost)[0] - np.log(2))
            entry["stands_if_failed_were_lost"] = worst >= limit
        out.append(entry)
    return tuple(out)


def _state(standing: Standing, x: int, y: int) -> str:
    if standing.direct[x, y]:
        return "separated"
    if standing.better[x, y]:
        return "implied"
    return "tied" if standing.tied[x, y] else "open"


def _ratings(s: Session) -> tuple[Mapping[str, Any] | None, str | None]:
    frame = decided_on(s.judged, s.names, "")
    if frame.is_empty():
        return None, "no rating: no comparison has an outcome"
    cluster = ("item",) if frame["item"].n_unique() >= FEWEST_CLUSTERS else ()
    model = s.arena.model
    try:
        found = rate(
            frame, model=model, cluster=cluster, nonexistent="pools", level=1 - s.arena.alpha
        )
    except (RatingError, InputError) as e:
        # The tiers stand without a rating; why there is none is said.
        return None, f"no rating: {one_line(str(e), 400)}"
    return {k: _finite(v) for k, v in found.to_dict().items()}, None


def _finite(value: Any) -> Any:
    """Plain data with None for what is infinite or not a number, as JSON has neither."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _usage(trials: Sequence[Trial]) -> dict[str, Any]:
    costs = [t.cost for t in trials if t.cost is not None]
    return {
        "asked": len(trials),
        "failed": sum(t.error is not None for t in trials),
        "input_tokens": sum(t.input_tokens for t in trials),
        "output_tokens": sum(t.output_tokens for t in trials),
        "cost": sum(costs) if costs else None,
    }


def _judges(s: Session) -> dict[str, dict[str, Any]]:
    out: dict[str, dict[str, Any]] = {}
    for judge in s.arena.panel:
        said = [x for j in s.judged for x in j.said if x.judge == judge.label]
        entry: dict[str, Any] = {
            "verdicts": sum(x.outcome is not None for x in said),
            "failed": sum(x.outcome is None for x in said),
        }
        if judge.model is not None:
            entry |= _swaps(s, judge.label) | {
                k: v for k, v in _usage(s.verdicts.get(judge.label, [])).items() if k != "failed"
            }
        out[judge.label] = entry
    return out


def _swaps(s: Session, label: str) -> dict[str, Any]:
    """How a model's verdicts depend on who is shown first."""
    both = changed = first = decided = 0
    for j in s.judged:
        said = [x for x in j.said if x.judge == label]
        for x in said:
            decided += x.outcome in ("left", "right")
            first += x.outcome == "left"
        if len(said) == 2 and said[0].outcome is not None and said[1].outcome is not None:
            both += 1
            changed += said[0].outcome != mirror(said[1].outcome)
    return {
        "pairs_of_orders": both,
        "changed_by_order": changed / both if both else None,
        "first_shown_wins": first / decided if decided else None,
    }


def _provenance(s: Session) -> dict[str, Any]:
    return {
        "seed": s.arena.seed,
        "fingerprint": s.arena.fingerprint(),
        "arena": s.arena.model_dump(mode="json"),
        "items": {"name": s.items.key.removeprefix("answers/"), "size": s.items.size},
        "models": s.folder.manifest.get("models", {}),
        "started": s.folder.manifest.get("started"),
        "versions": {
            "calibrant": __version__,
            "inspect_ai": version("inspect_ai"),
            "numpy": version("numpy"),
            "python": platform.python_version(),
        },
    }


def _warnings(s: Session) -> tuple[str, ...]:
    out: list[str] = []
    models = {c.model: c.name for c in s.arena.subjects}
    out += [
        f"the judge {j.model} is also a subject ({models[j.model]}): models tend to prefer their "
        "own answers"
        for j in s.arena.panel
        if j.model in models
    ]
    if any(j.model is not None for j in s.arena.panel):
        for name, trials in s.answers.items():
            many = sum(asks_for_verdict(t.answer) for t in trials)
            if many:
                out.append(
                    f"{many} answers of {name} hold words in the form of a verdict, as if to speak "
                    "for the judge"
                )
    failed = sum(j.outcome is None for j in s.judged)
    if failed:
        why = next((j.reason for j in s.judged if j.outcome is None), None) or ""
        out.append(
            f"{failed} of {len(s.judged)} comparisons failed and count for nobody; the first: "
            f"{one_line(why, 200)}"
        )
    out += [
        f"{p['better']} over {p['worse']} would not stand if the {p['failed']} failed comparisons "
        "had been lost"
        for p in _pairs(s)
        if p.get("stands_if_failed_were_lost") is False
    ]
    for name, judge_facts in _judges(s).items():
        share = judge_facts.get("changed_by_order")
        if share is not None and share > 0.25:
            out.append(f"{name} changed {share:.0%} of its verdicts when the answers swapped sides")
    return tuple(out)


def _notes(s: Session, why: str | None) -> tuple[str, ...]:
    goal = s.arena.goal
    out = [
        f"the chance of any false separation is at most {goal.alpha:g} whenever one stops, if "
        "items are a sample of their kind and answers do not influence each other; it is about "
        "what the judges prefer",
        "ratings are relative and their intervals are those of a fixed number of comparisons: the "
        "tiers, not the intervals, may be read while the arena runs",
    ]
    if goal.tied_within is not None:
        out.append(
            f"tied: the share of decided games is within {goal.tied_within:g} of 1/2 (chance of "
            f"any false tie at most {goal.alpha:g}); it may still differ"
        )
    if not s.standing.settled:
        still = int(np.triu(s.standing.open).sum())
        out.append(f"{still} pairs are open: they stay tied for want of evidence, not by proof")
    if goal.transitive and (s.standing.better & ~s.standing.direct).any():
        out.append("implied pairs rest on transitivity, which the judges' preferences may lack")
    if why is not None:
        out.append(why)
    return tuple(out)
