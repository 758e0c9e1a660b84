"""Do the tasks run through Inspect, and do known answers get the scores they should?"""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import Task, eval, score, task_with
from inspect_ai.dataset import MemoryDataset
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.model import ChatMessage, GenerateConfig, ModelOutput, ModelUsage, get_model
from inspect_ai.solver import generate

from calibrant.errors import InputError
from calibrant.instruments import NAMES, load, tasks

# Inspect's own: a newer tenacity renames an argument, and an anyio stream is left to the collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The 'initial' parameter:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Unclosed <MemoryObject:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

Answerer = Callable[[list[ChatMessage]], str]


def run(task: Task, answer: Answerer, folder: Path, **options: Any) -> EvalLog:
    """Administer `task` to a mock subject; each output carries usage, so nothing is downloaded."""
    seen: list[GenerateConfig] = []

    def reply(messages: list[ChatMessage], tools: Any, choice: Any, config: Any) -> ModelOutput:
        del tools, choice
        seen.append(config)
        output = ModelOutput.from_content("mockllm/model", answer(messages))
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output

    model = get_model("mockllm/model", custom_outputs=reply, memoize=False)
    log = eval(task, model=model, display="none", log_dir=str(folder), **options)[0]
    gc.collect()  # so that what Inspect left open is not found during a test of another file
    assert log.status == "success", log.error
    assert seen
    log.metadata = {"max_tokens": {config.max_tokens for config in seen}}
    return log


def means(log: EvalLog) -> dict[str, float]:
    assert log.results is not None
    return {s.name.split("/")[-1]: s.metrics["mean"].value for s in log.results.scores}


def by_question(name: str, items: int) -> dict[str, tuple[Any, int]]:
    """The item and the number of the conversation, by the last message shown."""
    made = [load(name).item(0, index) for index in range(items)]
    return {talk[-1].content: (i, n) for i in made for n, talk in enumerate(i.conversations)}


def subject(name: str, items: int, answer: Callable[[Any, int], str]) -> Answerer:
    known = by_question(name, items)

    def reply(messages: list[ChatMessage]) -> str:
        return answer(*known[messages[-1].text])

    return reply


CASES: list[tuple[str, Callable[[Any, int], str], dict[str, float]]] = [
    ("arithmetic", lambda item, _: f"Answer: {item.target}", {"correct": 1.0}),
    ("arithmetic", lambda *_: "Answer: -999999", {"correct": 0.0}),
    ("secret_keeping", lambda item, _: f"ok, {item.target}", {"leaked": 1.0}),
    ("secret_keeping", lambda *_: "I cannot share that.", {"leaked": 0.0}),
    ("sycophancy", lambda item, _: f"Final answer: {item.target}", {"flipped": 0.0}),
    ("sycophancy", lambda item, _: f"Final answer: {item.details['wrong']}", {"flipped": 1.0}),
    ("order_bias", lambda item, _: item.details["labels"][0], {"changed": 1.0}),
    ("order_bias", lambda item, n: item.details["labels"][n], {"changed": 0.0}),
    ("false_premise", lambda *_: "CANNOT ANSWER", {"noticed": 1.0, "discerned": 0.0}),
    ("false_premise", lambda item, n: ["CANNOT ANSWER", item.target][n],
     {"noticed": 1.0, "discerned": 1.0}),
    ("false_premise", lambda item, _: item.target, {"noticed": 0.0, "discerned": 0.0}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "answer", "want"), CASES)
def test_known_subjects(
    name: str, answer: Callable[[Any, int], str], want: dict[str, float], tmp_path: Path
) -> None:
    log = run(getattr(tasks, name)(items=6), subject(name, 6, answer), tmp_path)
    assert means(log) == want
    assert log.eval.config.epochs == 1
    assert log.metadata == {"max_tokens": {load(name).max_output_tokens}}
    for sample in log.samples or []:
        item = load(name).item(0, sample.metadata["index"])
        assert sample.id == f"{sample.metadata['index']:06d}-{item.hash[:12]}"
        assert sample.metadata["family"] == item.family
        assert sample.metadata["variant"] == item.variant
        assert sample.metadata["item"] == item.hash
        for result in (sample.scores or {}).values():
            assert result.explanation
            assert result.metadata["outcome"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", ["", "x" * 50_000, "\x00\x1b[31m"])
def test_odd_answers_are_scored_by_rule(name: str, text: str, tmp_path: Path) -> None:
    log = run(load(name).task(items=2), lambda _: text, tmp_path)
    assert means(log) == dict.fromkeys(load(name).scores, 0.0)


@pytest.mark.parametrize("name", ["order_bias", "false_premise"])
def test_conversations_are_fresh_and_all_logged(name: str, tmp_path: Path) -> None:
    lengths = []

    def reply(messages: list[ChatMessage]) -> str:
        lengths.append(len(messages))
        return f"reply {len(lengths)}"

    log = run(load(name).task(items=3), reply, tmp_path)
    assert lengths == [1] * 6
    for sample in log.samples or []:
        item = load(name).item(0, sample.metadata["index"])
        assert [m.role for m in sample.messages] == ["user", "assistant"] * 2
        assert sample.messages[0].text == item.conversations[0][-1].content
        assert sample.messages[2].text == item.conversations[1][-1].content
        replies = [sample.messages[1].text, sample.messages[3].text]
        assert replies == sample.store["calibrant_answers"]


def test_logs_can_be_scored_again(tmp_path: Path) -> None:
    answer = subject("order_bias", 4, lambda item, _: item.details["labels"][0])
    log = run(load("order_bias").task(items=4), answer, tmp_path)
    again = score(
        read_eval_log(log.location), tasks.changed(), action="overwrite", display="none"
    )  # fmt: skip
    assert means(again) == {"changed": 1.0}


def test_token_cap_can_be_overridden_and_dataset_replaced(tmp_path: Path) -> None:
    instrument = load("false_premise")
    samples = [instrument.sample(3, index) for index in (10, 11)]
    task = task_with(instrument.task(items=1), dataset=MemoryDataset(samples))
    log = run(task, lambda _: "CANNOT ANSWER", tmp_path, max_tokens=7, epochs=2)
    assert log.metadata == {"max_tokens": {7}}
    assert len(log.samples or []) == 4


def test_another_solver_on_a_twofold_instrument_is_an_error(tmp_path: Path) -> None:
    task = task_with(load("order_bias").task(items=1), solver=generate())
    with pytest.raises(AssertionError, match="wanted 2 answers"):
        run(task, lambda _: "A", tmp_path)


@pytest.mark.parametrize("items", [0, -1, 1.5, "7", True])
def test_items_must_be_a_positive_integer(items: Any) -> None:
    with pytest.raises(InputError, match="items must be"):
        load("arithmetic").task(items=items)


def test_sample_ids_are_distinct_and_tasks_have_defaults() -> None:
    for name in NAMES:
        task = getattr(tasks, name)()
        ids = [sample.id for sample in task.dataset]
        assert len(ids) == len(set(ids)) == 100
        assert getattr(tasks, name)(seed=1).dataset[0].id != ids[0]
        assert set(tasks.__all__) >= {name, *load(name).scores}
