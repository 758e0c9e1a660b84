"""Items of Inspect tasks: input, target, choices and id of their samples."""

from __future__ import annotations

from pathlib import Path

import pytest

from calibrant.contamination.items import Item, names_task, read_items
from calibrant.errors import InputError

QUIZ = """
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessageSystem, ChatMessageUser

@task
def quiz():
    return Task(dataset=[
        Sample(id="q1", input="Which is red?", choices=["a leaf", "a rose"], target="B"),
        Sample(id="q2", input=[ChatMessageSystem(content="Be brief."),
                               ChatMessageUser(content="Two and two?")], target=["4", "four"]),
    ])

@task
def unnamed():
    return Task(dataset=[Sample(input="one"), Sample(input="two", target="2")])

@task
def broken():
    raise OSError("no network")
"""


@pytest.fixture
def quiz(tmp_path: Path) -> str:
    (tmp_path / "quiz.py").write_text(QUIZ)
    return str(tmp_path / "quiz.py")


def test_the_items_of_a_task_in_a_file(quiz: str) -> None:
    assert read_items(f"{quiz}@quiz") == (
        Item("q1", "Which is red?", "B", ("a leaf", "a rose")),
        Item("q2", "Be brief.\nTwo and two?", "4"),
    )
    assert [i.id for i in read_items(f"{quiz}@unnamed")] == ["1", "2"]


@pytest.mark.parametrize(
    ("name", "said"),
    [("@none", "wanted one of the file's tasks"), ("", "wanted one of the file's tasks"),
     ("@broken", "cannot be built (no network)")],
)  # fmt: skip
def test_a_task_that_cannot_be_had_is_said(quiz: str, name: str, said: str) -> None:
    with pytest.raises(InputError) as e:
        read_items(f"{quiz}{name}")
    assert said in str(e.value)
    assert str(e.value).startswith("task ")


def test_names_of_tasks_and_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "items").write_text("x")
    monkeypatch.chdir(tmp_path)
    assert names_task("inspect_evals/gsm8k")
    assert names_task("a.py@b")
    assert not names_task("data/items")
    assert not names_task("nowhere/items.csv")
    assert not names_task("items.jsonl")
    with pytest.raises(InputError, match="no such installed Inspect task"):
        read_items("no_such_package/task")
    with pytest.raises(InputError, match="has no columns"):
        read_items("a.py@b", question="q")
