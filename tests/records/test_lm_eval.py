"""lm-evaluation-harness: samples are trials, results without samples are aggregates."""

import json

import polars as pl
import pytest

from calibrant import read
from calibrant.errors import InputError


def test_samples_are_trials_by_document_and_filter(make):
    found = read(make.lm_eval())
    rows = found.trials.select("subject", "instrument", "item", "epoch", "grader", "score").rows()
    assert rows == [
        ("org/m", "toy", "0:" + "0" * 16, 1, "acc", 1.0),
        ("org/m", "toy", "1:" + "1" * 16, 1, "acc", 0.0),
        ("org/m", "toy", "0:" + "0" * 16, 1, "acc,strict", 1.0),
        ("org/m", "toy", "1:" + "1" * 16, 1, "acc,strict", 1.0),
    ]
    assert found.trials["answer"].to_list() == ["4"] * 4
    assert json.loads(found.trials["metadata"][1])["sample"] == {"q": "q1", "level": 1}
    assert found.absent == 0


def test_results_of_tasks_without_samples_are_aggregates(make):
    found = read(make.lm_eval())
    columns = ("subject", "instrument", "grader", "value", "standard_error", "n")
    assert found.aggregates.select(columns).rows() == [("org/m", "other", "acc", 0.25, 0.01, 99)]


def test_samples_without_results_need_the_subject_named(make):
    folder = make.lm_eval()
    next(folder.glob("results*")).unlink()
    with pytest.raises(InputError, match="say --set subject=NAME"):
        read(folder)
    assert read(folder, constants={"subject": "me"}).trials["subject"].unique().to_list() == ["me"]


def test_repeated_documents_are_epochs(make):
    folder = make.lm_eval()
    samples = next(folder.glob("samples*"))
    samples.write_text(samples.read_text() * 2)
    trials = read(folder).trials
    assert trials.height == 8
    assert trials["epoch"].value_counts().sort("epoch").rows() == [(1, 4), (2, 4)]


@pytest.mark.parametrize("value", ["NaN", "null", '"maybe"', "[1, 2]"])
def test_a_score_that_is_no_number_is_missing(make, value):
    folder = make.lm_eval()
    samples = next(folder.glob("samples*"))
    samples.write_text(samples.read_text().replace('"acc": 1.0', f'"acc": {value}'))
    trials = read(folder).trials
    assert trials["score"].null_count() == 3
    assert trials.filter(pl.col("score").is_null())["error"].str.contains("score is no num").all()


def test_a_cut_line_is_named(make):
    folder = make.lm_eval()
    samples = next(folder.glob("samples*"))
    samples.write_text(samples.read_text()[:-30])
    with pytest.raises(InputError, match=r"samples_toy.*line 4: not whole JSON"):
        read(folder, strict=True)


def test_real_logs(shared):
    found = read([shared / "lm_eval", shared / "lm_eval_made"])
    assert found.trials.height == 30
    made = found.trials.filter(pl.col("instrument") == "toy_add")
    results = json.loads(next((shared / "lm_eval_made").rglob("results*")).read_text())
    assert made["score"].mean() == pytest.approx(results["results"]["toy_add"]["acc,none"])
    assert found.aggregates["instrument"].to_list() == ["math_rephrased_full"]
