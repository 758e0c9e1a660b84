"""HELM run folders: instances, perturbations as variants, and what HELM counts."""

import json

import polars as pl
import pytest

from calibrant import read
from calibrant.errors import InputError


def test_instances_are_items_and_perturbations_are_variants(make):
    found = read(make.helm())
    t = found.trials
    assert found.sources[0].kind == "helm"
    assert t.select("subject", "instrument", "variant", "epoch", "grader", "score").rows() == [
        ("org/m", "mmlu:subject=law", None, 1, "exact_match", 1.0),
        ("org/m", "mmlu:subject=law", "typos,prob=0.1", 1, "exact_match", 0.0),
        ("org/m", "mmlu:subject=law", None, 1, "exact_match", 1.0),
    ]
    # A variant belongs to the item that was varied.
    assert t["item"][0] == t["item"][1] != t["item"][2]
    assert t["answer"].to_list() == [" A"] * 3
    assert t["input_tokens"].to_list() == [12] * 3
    said = json.loads(t["metadata"][1])
    assert said == {"count": 1.0, "sum": 0.0, "sum_squared": 0.0, "split": "test",
                    "perturbation": {"name": "typos", "prob": 0.1}}  # fmt: skip


@pytest.mark.parametrize("name", ["run_spec.json", "scenario_state.json", "stats.json"])
def test_any_file_names_the_folder_and_is_read_once(make, name):
    folder = make.helm()
    assert read([folder / name, folder]).trials.height == 3


def test_without_instances_there_are_aggregates(make):
    folder = make.helm()
    (folder / "per_instance_stats.json").unlink()
    found = read(folder)
    assert found.trials.height == 0
    assert found.aggregates.select("grader", "value", "n").rows() == [("exact_match", 1.0, 1)]
    assert "aggregates only" in found.sources[0].notes[0]


def test_a_failed_request_is_missing(make):
    folder = make.helm()
    file = folder / "scenario_state.json"
    file.write_text(file.read_text().replace('"success": true', '"success": false'))
    trials = read(folder).trials
    assert trials["score"].null_count() == 3
    assert trials["error"].to_list() == ["the request failed"] * 3


def test_a_folder_that_names_no_model_is_refused(make):
    folder = make.helm()
    for name in ("run_spec.json", "scenario_state.json"):
        (folder / name).unlink()
    with pytest.raises(InputError, match="names the model"):
        read(folder)
    assert read(folder, constants={"subject": "me"}).trials.height == 3


def test_real_runs(shared):
    found = read(shared / "helm").trials
    found = found.with_columns(split=pl.col("metadata").str.json_path_match("$.split"))
    compared = 0
    for folder in (shared / "helm").iterdir():
        spec = json.loads((folder / "run_spec.json").read_text())
        ours = found.filter(pl.col("run") == spec["name"], pl.col("variant").is_null())
        for stat in json.loads((folder / "stats.json").read_text()):
            name = stat["name"]
            scores = ours.filter(
                pl.col("grader") == name["name"], pl.col("split") == name.get("split")
            )["score"]
            if "perturbation" not in name and scores.len():
                assert scores.mean() == pytest.approx(stat["mean"], abs=1e-12), name
                compared += 1
    assert compared > 20
