"""Made items are administered through Inspect and scored exactly, by their forms."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.contamination.fresh.files import write_items
from calibrant.contamination.fresh.generate import generate
from calibrant.contamination.fresh.language.reading import templates_of
from calibrant.contamination.fresh.stream import Secret
from calibrant.errors import InputError
from calibrant.instruments.fresh import ASKS, grade, shown

SECRET = Secret(b"correct horse battery staple 7421")
CHOICES = {"form": "choice", "choices": ["Monday", "Tuesday", "Friday", "9"]}


@pytest.mark.parametrize(
    ("form", "target", "answer", "right"),
    [
        ("number", "3/4", "Answer: 3/4", 1), ("number", "3/4", "So it is 0.75.", 1),
        ("number", "0.15", "Answer: 3/20", 1), ("number", "1234", "**Answer:** 1,234 eggs", 1),
        ("number", "12", "First 12, then\nAnswer: 13", 0), ("number", "12", "", 0),
        ("text", "tenibac", "Answer: tenibac.", 1), ("text", "tenibac", "It is\n`Tenibac`", 1),
        ("text", "tenibac", "Answer: cabinet, or tenibac", 0), ("text", "são", "Answer: SÃO", 1),
        ("list", "-5, 3, 12", "Answer: [-5, 3, 12]", 1), ("list", "1, 2", "Answer: 1 and 2", 1),
        ("list", "-5, 3, 12", "Answer: -5 3 12", 1), ("list", "1, 2, 3", "Answer: 1, 3, 2", 0),
        ("list", "1, 2", "Answer: 1, 2, 3", 0), ("list", "1/2, 2", "Answer: 0.5; 2.0", 1),
        ("date", "3 March 2031", "Answer: 3 March 2031", 1),
        ("date", "3 March 2031", "Answer: March 3rd, 2031", 1),
        ("date", "3 March 2031", "Answer: 2031-03-03", 1),
        ("date", "3 March 2031", "It falls on the 3rd of Mar 2031", 1),
        ("date", "3 March 2031", "Answer: 4 March 2031", 0),
        ("date", "3 March 2031", "Answer: 31 February 2031", 0),
        ("choice", "Friday", "Answer: C", 1), ("choice", "Friday", "Answer: (c) Friday", 1),
        ("choice", "Friday", "Answer: Friday", 1), ("choice", "Friday", "It must be Friday.", 1),
        ("choice", "Friday", "Answer: B) Friday", 0), ("choice", "Friday", "Monday or Friday", 0),
        ("choice", "9", "Answer: 9", 1), ("choice", "Friday", "Answer: Z", 0),
    ],
)  # fmt: skip
def test_answers_are_read_by_form(form, target, answer, right):
    details = CHOICES if form == "choice" else {"form": form}
    found = grade(target, details, answer)
    assert found.value == right, found
    assert found.outcome in ("right", "wrong", "none")


@given(st.sampled_from(["number", "text", "list", "date", "choice"]), st.text(max_size=80))
@settings(max_examples=60)
def test_any_answer_gets_a_grade(form, answer):
    assert grade("3", CHOICES | {"form": form}, f"Answer: {answer}").value in (0.0, 1.0)


def test_unknown_forms_are_refused():
    with pytest.raises(InputError, match="no form of answer 'essay'"):
        grade("3", {"form": "essay"}, "3")
    with pytest.raises(InputError, match="not what"):
        grade("3", {"form": "verifier", "entry": "[]"}, "3")


def test_options_stand_in_their_order():
    text = shown("Which?", "choice", ("x", "y"))
    assert text == f"Which?\nA) x\nB) y\n{ASKS['choice']}"


@pytest.fixture
def items(tmp_path):
    entry = {"name": "sum", "text": "{a} + {b} = ?", "answer": "a + b",
             "variables": {"a": {"from": 1, "to": 99}, "b": {"from": 1, "to": 99}}}  # fmt: skip
    found = generate(templates_of([entry]), SECRET, 30, canary=True).items
    write_items(found, tmp_path / "items.jsonl")
    return tmp_path / "items.jsonl", found


def test_inspect_runs_the_task(items, tmp_path):
    from inspect_ai import eval as run
    from inspect_ai.model import ModelOutput, ModelUsage, get_model

    from calibrant.instruments.fresh_tasks import fresh

    path, found = items

    def say(messages, *rest):
        text = messages[-1].text
        assert "canary" not in text
        a, b = (int(x) for x in text.split("=")[0].split("+"))
        output = ModelOutput.from_content("m", f"Answer: {a + b + (a % 2)}")
        # Without usage the mock model counts tokens, for which it fetches a file.
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output

    model = get_model("mockllm/model", custom_outputs=say)
    (log,) = run(fresh(items=str(path)), model=model, log_dir=str(tmp_path / "logs"),
                 display="none")  # fmt: skip
    assert log.status == "success", log.error
    even = sum(int(i.question.split()[0]) % 2 == 0 for i in found) / len(found)
    assert log.results.scores[0].metrics["mean"].value == pytest.approx(even)
    assert {s.id for s in log.samples} == {i.id for i in found}


def test_assess_takes_the_items_of_a_file_beside_the_suite(items, tmp_path):
    from calibrant import assess

    (tmp_path / "suite.yaml").write_text(
        "subject: standard/rate-0.10\nseed: 3\n"
        "model_args: {positive: 'Answer: x', negative: 'no'}\n"
        "claims:\n  - {name: a, instrument: calibrant/fresh, args: {items: items.jsonl}, "
        "rate: exact, below: 0.5, if_really: 0.1}\n"
    )
    result = assess(tmp_path / "suite.yaml", out=tmp_path / "run")
    assert result.claims[0].verdict == "supported"
    assert result.claims[0].population.size == 30
    suite = (tmp_path / "suite.yaml").read_text()
    (tmp_path / "suite.yaml").write_text(suite.replace("items.jsonl", "none.jsonl"))
    with pytest.raises(InputError, match=r"none\.jsonl"):
        assess(tmp_path / "suite.yaml", out=tmp_path / "other")
    assert json.loads((items[0]).read_text().splitlines()[0])["id"]
