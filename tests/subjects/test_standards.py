"""Do reference standards do what was planted, whatever the order of arrival?"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import anyio
import numpy as np
import pytest
from inspect_ai.model import GenerateConfig, Model, get_model
from scipy.stats import binom

import calibrant.subjects.standards  # noqa: F401
from calibrant.errors import SubjectError
from calibrant.quality.bank import two_pl, write_bank
from calibrant.subjects.standards import PlantedFailure

# Inspect calls tenacity in a way that tenacity has begun to deprecate.
pytestmark = pytest.mark.filterwarnings("ignore:The 'initial' parameter:DeprecationWarning")


def model(name: str, **args: object) -> Model:
    return get_model(f"standard/{name}", memoize=False, **args)


def answers(subject: Model, prompts: list[str], seed: int = 0) -> dict[str, str]:
    found: dict[str, str] = {}

    async def ask(prompt: str) -> None:
        output = await subject.generate(prompt, config=GenerateConfig(seed=seed))
        assert output.usage is not None and output.usage.total_tokens > 0
        assert output.stop_reason == "stop"
        found[prompt] = output.completion

    async def all_of_them() -> None:
        async with anyio.create_task_group() as group:
            for prompt in prompts:
                group.start_soon(ask, prompt)

    anyio.run(all_of_them)
    return found


PROMPTS = [f"item {n}" for n in range(1000)]


@pytest.mark.parametrize("rate", [0.02, 0.5])
def test_the_rate_is_the_planted_one(rate: float) -> None:
    found = list(answers(model(f"rate-{rate}", positive="yes", negative="no"), PROMPTS).values())
    assert set(found) == {"yes", "no"}
    low, high = binom.interval(0.9999, len(PROMPTS), rate)
    assert low <= found.count("yes") <= high


@pytest.mark.parametrize(
    ("rate", "answer"), [("0", "negative"), ("1", "positive"), ("1.0", "positive")]
)
def test_the_ends_are_exact(rate: str, answer: str) -> None:
    assert set(answers(model(f"rate-{rate}"), PROMPTS[:200]).values()) == {answer}


def test_order_and_delay_change_nothing_and_the_seed_does() -> None:
    shuffled = random.Random(0).sample(PROMPTS, 100)
    first = answers(model("rate-0.5"), sorted(shuffled), seed=1)
    assert answers(model("rate-0.5", delay_ms=20), shuffled, seed=1) == first
    assert answers(model("rate-0.5"), shuffled, seed=2) != first


def test_failures_are_planted_at_their_rate_and_leave_the_answers_alone() -> None:
    subject, plain = model("rate-0.5", fail=0.3), model("rate-0.5")

    async def run() -> tuple[int, int]:
        failed = same = 0
        config = GenerateConfig(seed=3)
        for prompt in PROMPTS[:300]:
            try:
                output = await subject.generate(prompt, config=config)
            except PlantedFailure:
                failed += 1
            else:
                same += (
                    output.completion == (await plain.generate(prompt, config=config)).completion
                )
        return failed, same

    failed, same = anyio.run(run)
    low, high = binom.interval(0.9999, 300, 0.3)
    assert low <= failed <= high
    assert failed + same == 300


@pytest.mark.parametrize(
    ("name", "args", "said"),
    [
        ("rate-1.5", {}, "from 0 to 1"),
        ("rate--1", {}, "wanted rate-P"),
        ("rat-0.5", {}, "wanted rate-P"),
        ("rate-nan", {}, "wanted rate-P"),
        ("rate-0.5", {"positive": True}, "quote it"),
        ("rate-0.5", {"fail": 2}, "fail"),
        ("rate-0.5", {"delay_ms": "soon"}, "delay_ms"),
        ("rate-0.5", {"colour": "red"}, "colour"),
    ],
)
def test_a_standard_that_cannot_be_is_refused(
    name: str, args: dict[str, object], said: str
) -> None:
    with pytest.raises(SubjectError, match=said):
        model(name, **args)


EVALUATION = """
import json, sys, calibrant.subjects.standards
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.scorer import match
from inspect_ai.solver import generate
task = Task([Sample(input="the same", target="x") for _ in range(20)], generate(), scorer=match())
args = json.loads(sys.argv[1])
log = eval(task, model="standard/rate-0.5", epochs=5, display="none", model_args=args)[0]
print(json.dumps(sorted([s.id, s.epoch, s.output.completion] for s in log.samples)))
"""


@pytest.mark.slow
def test_in_an_evaluation_equal_items_and_epochs_are_separate_trials_in_any_order(
    tmp_path: Path,
) -> None:
    def run(**args: float) -> list[tuple[int, int, str]]:
        # Its own process: Inspect leaves streams for the garbage collector to complain about.
        done = subprocess.run(
            [sys.executable, "-c", EVALUATION, json.dumps(args)],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
        )
        return [tuple(row) for row in json.loads(done.stdout)]

    first = run()
    assert run(delay_ms=30) == first
    low, high = binom.interval(0.9999, 100, 0.5)
    assert low <= sum(answer == "positive" for *_, answer in first) <= high
    epochs = {tuple(answer for i, _, answer in first if i == item) for item in range(1, 21)}
    assert len(epochs) > 5


def test_an_able_subject_is_right_as_often_as_the_bank_says(tmp_path: Path) -> None:
    bank = two_pl(np.array([1.0, -2.0]), np.array([0.5, 0.0]), items=["easy", "odd:" + "0" * 16])
    write_bank(bank, tmp_path / "bank.json")
    subject = model("ability-1.5", bank=str(tmp_path / "bank.json"))
    rates = subject.api.rates
    expected = bank.expected(np.array([1.5]))[0]
    assert rates == {"easy": expected[0], "odd": expected[1], bank.items[1]: expected[1]}
    with pytest.raises(PlantedFailure, match="the bank has no item"):
        anyio.run(subject.generate, "outside of any sample")


@pytest.mark.parametrize(
    ("name", "args", "match"),
    [
        ("ability-0.5", {}, "bank: wanted with an ability"),
        ("rate-0.5", {"bank": "x.json"}, "bank: wanted with an ability, and only there"),
        ("ability-0.5", {"bank": "absent.json"}, "bank: absent.json: cannot be read"),
        ("ability-x", {"bank": "x.json"}, "or ability-A"),
    ],
)
def test_wrong_abilities_are_named(name: str, args: dict[str, str], match: str) -> None:
    with pytest.raises(SubjectError, match=match):
        model(name, **args)


def test_what_is_memorised_is_answered_by_heart_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "leaked.jsonl"
    rows = [{"id": "a", "question": "2 + 2 = ?", "answer": "4"},
            {"id": "b", "question": "What is 2 + 2 = ?", "answer": "four"}]  # fmt: skip
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    subject = model("rate-0", memorised=str(file))
    asked = ["2 + 2 = ?\nAnswer:", "What is 2 + 2 = ?", "2 + 3 = ?"]
    assert list(answers(subject, asked).values()) == ["4", "four", "negative"]
    with pytest.raises(SubjectError, match="memorised: .*no such file"):
        model("rate-0", memorised=str(tmp_path / "none.jsonl"))
