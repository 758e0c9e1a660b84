"""What does the judge say? Rules at once; models and Inspect scorers through Inspect."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calibrant._text import one_line
from calibrant.bench.arena.prompts import read_verdict
from calibrant.bench.arena.rules import Answer, Item, load_function, open_rule
from calibrant.bench.arena.streams import Shown, first_token, judging
from calibrant.bench.judging.config import JudgeFile, Scale
from calibrant.bench.judging.prompts import labels_of, prompt, read_score, template_of
from calibrant.bench.judging.showings import Showing
from calibrant.bench.streams import Stream
from calibrant.bench.trial import Trial
from calibrant.errors import InputError
from calibrant.judges.probes.planted import Planted, drawn, planted
from calibrant.judges.probes.probe import Case, Kind
from calibrant.records.identity import content_hash

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.dataset import Sample

LEAST_MASS = 0.5
"""Of the first token's probability on labels of the scale; with less there is no expected score."""

_PREFERENCE = {"left": 1.0, "right": 0.0, "tie": 0.5}


@dataclass(frozen=True)
class Said:
    """One verdict: the score, or the preference (0–1) for the answer shown first.

    Attributes:
        value: None if it failed; reason says why.
        log_odds: of the first answer against the second, where the judge tells it.
        text: what the judge said.
    """

    value: float | None
    reason: str | None = None
    log_odds: float | None = None
    text: str = ""


Rule = Callable[[Showing, int], Said]


def open_judge(judge: JudgeFile, kind: Kind, scale: Scale, base: Path, seed: int) -> Rule | None:
    """The rule that a judge is; None if it is asked through Inspect.

    Raises:
        InputError: if there is no such rule, file or function, or it does not fit the kind.
    """
    if judge.scorer is not None:
        open_scorer(judge, base)
        return None
    if judge.rule is None:
        template_of(judge, kind)
        return None
    if judge.rule == "planted":
        return _planted(planted(**judge.args), kind, seed)
    if ".py@" in judge.rule:
        return _own(load_function(judge.rule, base), kind, scale)
    rule = open_rule(judge.rule, None, base)

    def ask(showing: Showing, _: int) -> Said:
        case = showing.case
        item = Item(case.item, case.question, case.target or "")
        # Pointwise: whether the answer beats an empty one, which neither equals nor holds a target.
        texts = (*_as_shown(showing).answers, "")
        found = rule(item, Answer(texts[0], {}), Answer(texts[1], {}))
        if found.outcome is None:
            return Said(None, found.reason)
        return Said(_PREFERENCE[found.outcome] if kind == "pairwise" else
                    float(found.outcome == "left"), text=found.outcome)  # fmt: skip

    return ask


def _planted(judge: Planted, kind: Kind, seed: int) -> Rule:
    def ask(showing: Showing, repeat: int) -> Said:
        case = _as_shown(showing)
        rng = drawn(seed, f"{showing.number}\0{case}", repeat)
        value = judge.prefer(case, rng) if kind == "pairwise" else judge.score(case, rng)
        return Said(value)

    return ask


def _as_shown(showing: Showing) -> Case:
    """The case with its answers in the order shown."""
    case = showing.case
    if showing.first in (None, 0):
        return case
    return replace(case, answers=case.answers[::-1], authors=case.authors[::-1])


def _own(function: Callable[..., Any], kind: Kind, scale: Scale) -> Rule:
    """The user's function, called with what a judge may know and the answers as shown.

    Pairwise it says "left", "right" or "tie"; pointwise a number in the scale.
    """

    def ask(showing: Showing, _: int) -> Said:
        case = _as_shown(showing)
        item = {
            "item": case.item, "question": case.question, "target": case.target or "",
            "rubric": case.rubric or "", "authors": list(case.authors), "extra": dict(case.extra),
        }  # fmt: skip
        try:
            found = function(item, *case.answers)
        except Exception as e:
            # The user's function failed on this case: a failed verdict, kept as one.
            return Said(None, one_line(f"{type(e).__name__}: {e}", 300))
        if kind == "pairwise":
            if found not in _PREFERENCE:
                return Said(None, f"wanted left, right or tie, got {one_line(repr(found), 80)}")
            return Said(_PREFERENCE[found], text=found)
        return _number(found, scale)

    return ask


def _number(value: Any, scale: Scale) -> Said:
    if isinstance(value, bool | str):
        value = _GRADES.get(value, value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return Said(None, f"wanted a number, got {one_line(repr(value), 80)}")
    if not scale.low <= value <= scale.high:
        return Said(None, f"wanted {scale.low:g}–{scale.high:g}, got {value:g}")
    return Said(float(value), text=f"{value:g}")


_GRADES: dict[Any, float] = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0, True: 1.0, False: 0.0}


def texts_of(judge: JudgeFile, kind: Kind, scale: Scale, showings: Sequence[Showing]) -> list[str]:
    """All that the judge is shown, one text a showing."""
    if judge.model is None or judge.scorer is not None:
        return [repr(_as_shown(s)) for s in showings]
    template = template_of(judge, kind)
    return [prompt(judge, template, s.case, s.first, scale) for s in showings]


def stream_of(
    judge: JudgeFile, showings: Sequence[Showing], texts: Sequence[str], repeat: int, base: Path
) -> Stream:
    """The showings as a stream for Inspect, under a key of its own for each repeat."""
    key = f"judge/{judge.label}/repeat-{repeat}"
    if judge.scorer is not None:
        return _scoring(key, judge, showings, base)
    shown = [Shown(s.id, t) for s, t in zip(showings, texts, strict=True)]
    if judge.reading != "expected":
        return judging(key, shown)
    words = {str(r["label"]) for s in showings for r in labels_of(s.case)}

    def read(output: Any) -> dict[str, float]:
        return {f"log p {w}": p for w, p in first_token(output).items() if w in words}

    return judging(key, shown, read)


def said_by(judge: JudgeFile, kind: Kind, scale: Scale, showing: Showing, trial: Trial) -> Said:
    """The verdict that an answer of the judge is."""
    text = trial.answer
    if trial.error is not None:
        return Said(None, trial.error, text=text)
    if judge.scorer is not None:
        return _scored(judge, scale, trial)
    if judge.reading == "expected":
        return _expected(showing.case, trial)
    if kind == "pointwise":
        value, reason = read_score(text, showing.case, scale)
        return Said(value, reason, text=text)
    if judge.reading == "log-odds":
        odds = trial.scores.get("log_odds")
        if not isinstance(odds, int | float):
            return Said(None, "1 and 2 are not both among its likeliest first tokens", text=text)
        return Said(1 / (1 + math.exp(-max(min(odds, 700.0), -700.0))), None, float(odds), text)
    found = read_verdict(text)
    value = None if found.outcome is None else _PREFERENCE[found.outcome]
    return Said(value, found.reason, text=text)


def _expected(case: Case, trial: Trial) -> Said:
    """The mean of the scale's values, by the probabilities of the first token."""
    weights = [
        (float(row["value"]), math.exp(float(p)))
        for row in labels_of(case)
        if isinstance(p := trial.scores.get(f"log p {row['label']}"), int | float)
    ]
    mass = sum(w for _, w in weights)
    if mass < LEAST_MASS:
        return Said(
            None, f"labels of the scale have {mass:.0%} of its first token's probability",
            text=trial.answer,
        )  # fmt: skip
    return Said(sum(v * w for v, w in weights) / mass, text=trial.answer)


def _scored(judge: JudgeFile, scale: Scale, trial: Trial) -> Said:
    scores = trial.scores
    name = judge.score or next(iter(scores), "")
    if name not in scores:
        return Said(None, f"the scorer gave no value {name!r}; it gave {', '.join(scores)[:200]}")
    value = scores[name]
    if value is None:
        return Said(None, "the scorer gave no grade")
    label = str(value).strip().casefold()
    for word, _, number in scale.labels:
        if word.casefold() == label:
            return Said(number, text=word)
    return _number(value, scale)


def _scoring(key: str, judge: JudgeFile, showings: Sequence[Showing], base: Path) -> Stream:
    """Stored answers put to an Inspect scorer, as if a model had just given them."""
    from inspect_ai.dataset import Sample

    def sample(position: int) -> Sample:
        case = showings[position].case
        known = {"rubric": case.rubric or "", "authors": list(case.authors)}
        return Sample(
            input=case.question, target=case.target or "", id=showings[position].id,
            metadata={"stored_answer": case.answers[0], **known},
        )  # fmt: skip

    def task() -> Task:
        from inspect_ai import Task

        return Task(
            dataset=[sample(0)], solver=_replay(), scorer=open_scorer(judge, base), name=judge.label
        )

    def item(position: int) -> str:
        case = showings[position].case
        return content_hash({
            "input": case.question, "target": case.target or "", "answer": case.answers[0],
            "rubric": case.rubric or "", "authors": list(case.authors),
        })  # fmt: skip

    return Stream(
        key=key, title="stored answers", size=len(showings), scores=None, task=task, sample=sample,
        item=item,
    )  # fmt: skip


def open_scorer(judge: JudgeFile, base: Path) -> Any:
    """The Inspect scorer that a judge names.

    Raises:
        InputError: if there is none, or it cannot be built.
    """
    from inspect_ai.util import registry_create

    name = str(judge.scorer)
    if ".py@" in name:
        make: Callable[..., Any] = load_function(name, base)
        try:
            return make(**judge.args)
        except Exception as e:
            # The file is the user's code: whatever it raises, building the scorer is what failed.
            raise InputError(f"scorer {name}: cannot be built ({one_line(str(e))})") from e
    try:
        # Inspect's own scorers are in the registry once the package is imported.
        import inspect_ai.scorer  # noqa: F401

        return registry_create("scorer", name, **judge.args)
    except LookupError as e:
        raise InputError(f"scorer {name}: no such installed Inspect scorer") from e
    except Exception as e:
        # As above.
        raise InputError(f"scorer {name}: cannot be built ({one_line(str(e))})") from e


def _replay() -> Any:
    """A solver that gives the stored answer."""
    from inspect_ai.model import ChatMessageAssistant, ModelOutput
    from inspect_ai.solver import Generate, Solver, TaskState, solver

    @solver
    def stored_answer() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:  # noqa: ARG001
            text = str(state.metadata["stored_answer"])
            state.output = ModelOutput.from_content(str(state.model), text)
            state.messages.append(ChatMessageAssistant(content=text))
            return state

        return solve

    return stored_answer()
