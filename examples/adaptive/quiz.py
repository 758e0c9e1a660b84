"""A quiz of fixed questions, some far harder than others, for an adaptive test."""

from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import match
from inspect_ai.solver import generate

QUESTIONS = 120


def question(number: int) -> tuple[str, str]:
    """The text and the answer of a question; later ones have more and longer numbers."""
    digits, terms = 1 + number // 40, 2 + number % 4
    numbers = [(number * 7919 + k * 104729) % 10**digits + 1 for k in range(terms)]
    return f"{' + '.join(map(str, numbers))} = ?", str(sum(numbers))


@task
def quiz() -> Task:
    """The questions in their order, each with an id that stays."""
    pairs = [question(number) for number in range(QUESTIONS)]
    return Task(
        dataset=[
            Sample(id=f"sum-{number:03d}", input=text, target=answer)
            for number, (text, answer) in enumerate(pairs)
        ],
        solver=generate(),
        scorer=match(numeric=True),
    )
