"""How are made items administered? One Inspect task over an items file, scored by their forms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import GenerateConfig
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer, stderr
from inspect_ai.solver import TaskState, generate

from calibrant._text import storable
from calibrant.contamination.fresh.files import read_fresh
from calibrant.contamination.fresh.generate import FreshItem
from calibrant.instruments.fresh import grade, shown


def to_sample(item: FreshItem) -> Sample:
    """A made item as a sample; neither its draws nor its canary are shown."""
    return Sample(
        input=shown(item.question, item.form, item.choices),
        target=item.answer,
        id=item.id,
        metadata={
            "family": item.cluster, "variant": str(item.variant), "stratum": item.stratum,
            "details": {"form": item.form, "choices": list(item.choices), "entry": item.entry},
        },
    )  # fmt: skip


@scorer(metrics=[mean(), stderr()])
def exact() -> Scorer:
    """1 when the answer is exactly the right one; a verifier of another package may give less."""

    async def score(state: TaskState, target: Target) -> Score:
        metadata: dict[str, Any] = state.metadata
        found = grade(target.text, metadata["details"], state.output.completion)
        return Score(
            value=found.value,
            answer=storable(found.answer),
            explanation=storable(found.explanation),
            metadata={"outcome": found.outcome, **found.metadata},
        )

    return score


@task
def fresh(items: str, max_tokens: int = 200) -> Task:
    """Items that `calibrant contamination generate` made: the share that is answered exactly."""
    found, name = read_fresh(Path(items)), Path(items).stem
    return Task(
        # Logs of published items and of their twins must not stand for one instrument.
        name=f"fresh-{name}",
        dataset=MemoryDataset([to_sample(item) for item in found], name=name),
        solver=generate(),
        scorer=exact(),
        config=GenerateConfig(max_tokens=max_tokens),
        version=1,
    )
