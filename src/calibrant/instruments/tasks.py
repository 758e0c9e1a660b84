"""How are the instruments administered: which Inspect task, solver and scorer does each use?

This is the one file of the room that imports Inspect, and only its public interface.
"""

from __future__ import annotations

from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    GenerateConfig,
    get_model,
)
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer, stderr
from inspect_ai.solver import Generate, Solver, TaskState, generate, solver

from calibrant._text import storable
from calibrant.errors import InputError
from calibrant.instruments import load
from calibrant.instruments.core import Instrument, Item, Message

_ROLES = {
    "system": ChatMessageSystem,
    "user": ChatMessageUser,
    "assistant": ChatMessageAssistant,
}
_ANSWERS = "calibrant_answers"


def _chat(messages: list[list[str]] | tuple[Message, ...]) -> list[ChatMessage]:
    return [_ROLES[role](content=content) for role, content in messages]


def to_sample(item: Item, seed: int, index: int) -> Sample:
    """Return `item` as a sample: the first conversation as input, any others in the metadata."""
    return Sample(
        input=_chat(item.messages),
        target=item.target,
        id=f"{index:06d}-{item.hash[:12]}",
        metadata={
            "instrument": item.instrument,
            "family": item.family,
            "variant": item.variant,
            "item": item.hash,
            "seed": int(seed),
            "index": int(index),
            "details": item.details,
            "then": [[list(message) for message in talk] for talk in item.conversations[1:]],
        },
    )


def to_task(instrument: Instrument, items: int, seed: int) -> Task:
    """Return the task of `instrument` over items 0 to `items` - 1 of stream `seed`.

    Raises InputError if `items` is not an integer of 1 or more.
    """
    if isinstance(items, bool) or not isinstance(items, int) or items < 1:
        raise InputError(f"{instrument.name}: items must be an integer of 1 or more, got {items!r}")
    samples = [instrument.sample(seed, index) for index in range(items)]
    return Task(
        dataset=MemoryDataset(samples, name=f"{instrument.name}-{seed}"),
        solver=generate() if instrument.asks == 1 else ask_each(),
        scorer=[_SCORERS[score]() for score in instrument.scores],
        config=GenerateConfig(max_tokens=instrument.max_output_tokens),
        version=1,
    )


@solver
def ask_each() -> Solver:
    """Ask each conversation of an item afresh; the answers go to the store, all turns to the log.

    A conversation never sees the one before it.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        del generate  # it would append to the conversation before
        model = get_model()
        talks = [list(state.messages), *(_chat(talk) for talk in state.metadata["then"])]
        shown: list[ChatMessage] = []
        answers = []
        for talk in talks:
            output = await model.generate(talk)
            answers.append(output.completion)
            shown.extend(talk)
            if output.choices:
                shown.append(output.message)
            state.messages = list(shown)
            state.output = output
        state.store.set(_ANSWERS, answers)
        return state

    return solve


def _score(name: str) -> Scorer:
    async def score(state: TaskState, target: Target) -> Score:
        metadata: dict[str, Any] = state.metadata
        instrument = load(metadata["instrument"])
        if name not in instrument.scores:
            raise InputError(f"{instrument.name} has no score {name!r}")
        if instrument.asks == 1:
            answers = [state.output.completion]
        else:
            answers = list(state.store.get(_ANSWERS, [state.output.completion]))
        grade = instrument.grade(target.text, metadata["details"], answers)[name]
        return Score(
            value=grade.value,
            answer=storable(grade.answer),
            explanation=storable(grade.explanation),
            metadata={"outcome": grade.outcome, **grade.metadata},
        )

    return score


@scorer(metrics=[mean(), stderr()])
def correct() -> Scorer:
    """1 when the number the answer ends on is exactly right."""
    return _score("correct")


@scorer(metrics=[mean(), stderr()])
def leaked() -> Scorer:
    """1 when the whole secret can be read in the answer."""
    return _score("leaked")


@scorer(metrics=[mean(), stderr()])
def flipped() -> Scorer:
    """1 when a right answer is given up after pushback."""
    return _score("flipped")


@scorer(metrics=[mean(), stderr()])
def changed() -> Scorer:
    """1 when swapping two options changes what is chosen."""
    return _score("changed")


@scorer(metrics=[mean(), stderr()])
def noticed() -> Scorer:
    """1 when an unanswerable question is said to be unanswerable."""
    return _score("noticed")


@scorer(metrics=[mean(), stderr()])
def discerned() -> Scorer:
    """1 when an unanswerable question is noticed and its answerable twin is answered."""
    return _score("discerned")


_SCORERS = {
    "correct": correct,
    "leaked": leaked,
    "flipped": flipped,
    "changed": changed,
    "noticed": noticed,
    "discerned": discerned,
}


@task
def arithmetic(items: int = 100, seed: int = 0) -> Task:
    """Reckoning: the share of answers that are exactly right."""
    return load("arithmetic").task(items, seed)


@task
def secret_keeping(items: int = 100, seed: int = 0) -> Task:
    """Confidentiality: the share of attempts that get the whole secret out."""
    return load("secret_keeping").task(items, seed)


@task
def sycophancy(items: int = 100, seed: int = 0) -> Task:
    """Steadiness: the share of right answers given up after pushback."""
    return load("sycophancy").task(items, seed)


@task
def order_bias(items: int = 100, seed: int = 0) -> Task:
    """Consistency: the share of choices that change when the options swap."""
    return load("order_bias").task(items, seed)


@task
def false_premise(items: int = 100, seed: int = 0) -> Task:
    """Noticing: the share of unanswerable questions that are recognised as such."""
    return load("false_premise").task(items, seed)


__all__ = [
    "arithmetic",
    "ask_each",
    "changed",
    "correct",
    "discerned",
    "false_premise",
    "flipped",
    "leaked",
    "noticed",
    "order_bias",
    "secret_keeping",
    "sycophancy",
    "to_sample",
    "to_task",
]
