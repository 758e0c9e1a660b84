"""Are stored answers found in tables and logs, each once, under names that keep them apart?"""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from calibrant.errors import InputError
from calibrant.records import trials_frame, write_parquet
from calibrant.web.labelling.answers import read_answers, with_gold

from .conftest import answers

LOGS = Path(__file__).parents[3] / "shared/data/logs"


def trial(item, subject, answer, grader="a", **more):
    return {"item": item, "subject": subject, "answer": answer, "grader": grader, "epoch": 1,
            "instrument": "quiz", "score": 1.0, **more}  # fmt: skip


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_tables(tmp_path, ending):
    table, path = answers(3), tmp_path / f"a{ending}"
    {".csv": table.write_csv, ".jsonl": table.write_ndjson, ".parquet": table.write_parquet}[
        ending
    ](path)
    found = read_answers(path)
    assert [u.key for u in found.units] == [f"secret-item-{i}" for i in range(3)]
    assert found.units[0].question == "Question 0?" and found.notes == ()
    assert found.units[0].answers == ("Answer of a to 0.",)
    assert read_answers(table) == found


def test_other_libraries_tables():
    table = answers(3)
    assert read_answers(table.to_arrow()) == read_answers(table)
    assert read_answers(table.to_dict(as_series=False)) == read_answers(table)


def test_several_subjects_and_repeats_are_kept_apart():
    found = read_answers(answers(2, "ab"))
    assert [u.key for u in found.units] == [
        f"secret-item-{i} · secret-subject-{s}" for i in range(2) for s in "ab"
    ]
    twice = pl.DataFrame({"item": ["q", "q", "r"], "answer": ["x", "y", "x"]})
    assert [u.key for u in read_answers(twice).units] == [
        "q · epoch 1", "q · epoch 2", "r · epoch 1",
    ]  # fmt: skip


def test_a_row_for_every_grader_is_one_answer(tmp_path):
    rows = [trial(f"q{i}", "m", f"said {i}", g) for i in range(3) for g in "ab"]
    rows.append(trial("q9", "m", None, score=None, error="timeout"))
    write_parquet(trials_frame(rows), tmp_path / "t.parquet")
    found = read_answers(tmp_path / "t.parquet")
    assert [u.answers for u in found.units] == [("said 0",), ("said 1",), ("said 2",)]
    assert found.notes == ("1 rows have no answer and are left out.",)


def test_pairs_are_every_two_subjects_that_answered():
    table = answers(2, "bac").filter(
        (pl.col("item") != "secret-item-1") | (pl.col("subject") != "secret-subject-a")
    )
    found = read_answers(table, pairs=True)
    said = [(u.item[-1], *(s[-1] for s in u.subjects if s)) for u in found.units]
    assert said == [("0", "a", "b"), ("0", "a", "c"), ("0", "b", "c"), ("1", "b", "c")]
    assert len({u.key for u in found.units}) == 4
    two = read_answers(table, pairs=True, subjects=("secret-subject-c", "secret-subject-b"))
    assert [u.key for u in two.units] == ["secret-item-0", "secret-item-1"]
    assert two.units[0].answers == ("Answer of b to 0.", "Answer of c to 0.")


def test_a_sample_is_drawn_by_the_seed():
    one = read_answers(answers(50), sample=7, seed=3)
    assert len(one.units) == 7 and one == read_answers(answers(50), sample=7, seed=3)
    assert one != read_answers(answers(50), sample=7, seed=4)
    assert one.notes == ("7 of 50 were drawn at random with seed 3.",)
    assert len(read_answers(answers(5), sample=7).units) == 5


@pytest.mark.parametrize("kind", ["eval", "json"])
def test_inspect_logs_bring_question_and_answer(kind):
    found = sorted((LOGS).rglob(f"*.{kind}")) if LOGS.is_dir() else []
    found = [p for p in found if "inspect" in str(p)]
    if not found:
        pytest.skip("needs the shared Inspect logs")
    units = read_answers(found[0]).units
    assert units and all(u.answers[0] is not None for u in units)
    assert all(u.question for u in units)
    assert len({u.key for u in units}) == len(units)


def test_inspect_messages_and_choices_are_one_question(tmp_path):
    sample = {
        "id": 1, "epoch": 1, "target": "B", "choices": ["cats", "dogs"],
        "input": [{"role": "system", "content": "Be brief."},
                  {"role": "user", "content": [{"type": "text", "text": "Which bark?"}]}],
        "output": {"completion": "B"}, "scores": {"match": {"value": "C"}}, "messages": [],
    }  # fmt: skip
    log = {"version": 2, "status": "success", "samples": [sample],
           "eval": {"task": "t", "model": "m", "run_id": "r", "created": "2026-01-01"}}  # fmt: skip
    (tmp_path / "log.json").write_text(json.dumps(log))
    (unit,) = read_answers(tmp_path / "log.json").units
    assert unit.question == "system: Be brief.\n\nuser: Which bark?\n\nA) cats\nB) dogs"
    assert unit.answers == ("B",)


def test_known_labels(tmp_path):
    units = read_answers(answers(4, "ab")).units
    gold = {"item": ["secret-item-2 · secret-subject-b"], "label": [" yes "]}
    found = with_gold(units, gold, ("yes", "no"))
    assert [u.gold for u in found if u.gold] == ["yes"] and found[5].gold == "yes"
    pairs = read_answers(answers(4, "ab"), pairs=True).units
    gold = {"item": ["secret-item-1"], "label": ["secret-subject-b"]}
    assert with_gold(pairs, gold, ("left", "right", "tie"))[1].gold == "right"


@pytest.mark.parametrize(("gold", "says"), [
    ({"item": ["nope"], "label": ["yes"]}, "row 1: item 'nope' has no answer"),
    ({"item": ["secret-item-1"], "label": ["yes"]}, "has several answers"),
    ({"item": ["secret-item-1 · secret-subject-a"], "label": ["maybe"]}, "got 'maybe'"),
    ({"item": ["secret-item-1 · secret-subject-a"], "label": [None]}, "got ''"),
    ({"item": ["secret-item-1"]}, "column 'label' is missing"),
])  # fmt: skip
def test_wrong_known_labels(gold, says):
    with pytest.raises(InputError, match=says):
        with_gold(read_answers(answers(4, "ab")).units, gold, ("yes", "no"))


@pytest.mark.parametrize(("table", "how", "says"), [
    ({"answer": ["x"]}, {}, "no column for item"),
    ({"item": ["x"]}, {}, "no column for answer"),
    ({"item": [None], "answer": ["x"]}, {}, "row 1: item is missing"),
    ({"item": ["q"], "answer": [None]}, {}, "no answer to label"),
    ({"item": [], "answer": []}, {}, "no answer to label"),
    ({"item": ["q"], "answer": [["x"]]}, {}, "wanted text"),
    ({"item": ["q"], "answer": ["x"], "epoch": ["two"]}, {}, "epoch: wanted whole numbers"),
    ({"item": ["q"], "answer": ["x"]}, {"columns": {"answer": "said"}}, "no column 'said'"),
    ({"item": ["q"], "answer": ["x"]}, {"columns": {"score": "said"}}, "--map score"),
    ({"item": ["q"], "answer": ["x"]}, {"subjects": ("m",)}, "'m' answered nothing"),
    ({"item": ["q"], "answer": ["x"]}, {"pairs": True}, "names the subject"),
    ({"item": ["q"], "answer": ["x"], "subject": ["m"]}, {"pairs": True}, "two subjects"),
    ({"item": ["q", "q"], "answer": ["x", "y"], "epoch": ["1", "1"]}, {}, "occurs twice"),
    (7, {}, "wanted a path or a table"),
    ("nowhere.csv", {}, "no such file"),
    ("nowhere.eval", {}, "nowhere.eval"),
])  # fmt: skip
def test_wrong_answers_are_one_line(table, how, says):
    with pytest.raises(InputError, match=says) as caught:
        read_answers(table, **how)
    assert "\n" not in str(caught.value)


def test_columns_by_other_names():
    table = {"idx": [1, 2], "response": ["x", "y"], "instruction": ["p", "q"], "model": ["m", "m"]}
    found = read_answers(table)
    assert [(u.key, u.question, u.subjects) for u in found.units] == [
        ("1", "p", ("m",)), ("2", "q", ("m",)),
    ]  # fmt: skip
    mapped = read_answers({"n": ["a"], "said": ["b"]}, columns={"item": "n", "answer": "said"})
    assert mapped.units[0].answers == ("b",)


@pytest.mark.parametrize("place", ["lm_eval/samples*.jsonl", "lm_eval_made/*/samples*.jsonl",
                                   "helm/**/run_spec.json", "inspect_made/a"])  # fmt: skip
def test_logs_of_every_tool_bring_questions(place):
    found = sorted(LOGS.glob(place)) if LOGS.is_dir() else []
    if not found:
        pytest.skip("needs the shared logs")
    units = read_answers(found[0]).units
    assert units and all(u.question and u.answers[0] for u in units)


def test_two_runs_of_one_subject_are_repeats():
    if not (LOGS / "inspect_made").is_dir():
        pytest.skip("needs the shared logs")
    one = read_answers(LOGS / "inspect_made" / "a").units
    both = read_answers(LOGS / "inspect_made").units
    assert len({u.key for u in both}) == len(both) >= len(one)


def test_lm_eval_answers_are_whole_whatever_the_filters(tmp_path):
    line = {"doc_id": 0, "doc": {"q": "2+2?"}, "target": "4", "doc_hash": "a" * 64,
            "arguments": {"gen_args_0": {"arg_0": "Q: 2+2?\nA:", "arg_1": {"until": []}}},
            "resps": [["It is #### 4"]], "metrics": ["match"], "match": 1.0}  # fmt: skip
    lines = [{**line, "filter": f, "filtered_resps": [r]}
             for f, r in (("strict", "4"), ("flexible", "#### 4"))]  # fmt: skip
    date = "2026-11-21T19-06-22.846879"
    (tmp_path / f"samples_t_{date}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / f"results_{date}.json").write_text(
        json.dumps({"results": {}, "model_name": "m", "config": {}, "lm_eval_version": "0.4.9"})
    )
    (unit,) = read_answers(tmp_path / f"samples_t_{date}.jsonl").units
    assert (unit.question, unit.answers) == ("Q: 2+2?\nA:", ("It is #### 4",))
