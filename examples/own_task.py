"""An ordinary Inspect task with a fixed data set; its families are template ids in the metadata."""

from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import includes
from inspect_ai.solver import generate

QUESTIONS = ["Is {} prime?", "Is {} a square?", "Is {} odd?"]


@task
def numbers() -> Task:
    samples = [
        Sample(
            id=f"{name}-{n}",
            input=f"{question.format(n)} Answer yes or no.",
            target="yes",
            metadata={"family": name},
        )
        for name, question in zip(("prime", "square", "odd"), QUESTIONS, strict=True)
        for n in range(2, 102)
    ]
    return Task(dataset=samples, solver=generate(), scorer=includes())
