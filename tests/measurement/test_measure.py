"""Estimates from tables, files and logs: right numbers, budgets that add up, refusals in words."""

import json
import math

import numpy as np
import polars as pl
import pytest

from calibrant import measure
from calibrant.cli import main
from calibrant.errors import InputError
from calibrant.records import trials_frame, write_parquet
from calibrant.stats import clopper_pearson


def table(scores, *, clusters=None, epochs=None, items=None, subject="s", error=None):
    rows = []
    for i, score in enumerate(scores):
        rows.append(
            {
                "run": "r",
                "subject": subject,
                "instrument": "i",
                "item": items[i] if items else f"item{i}",
                "cluster": None if clusters is None else f"c{clusters[i]}",
                "epoch": epochs[i] if epochs else 1,
                "grader": "g",
                "score": score,
                "error": "failed" if score is None else None,
            }
        )
    return trials_frame(rows)


def one(*args, **kwargs):
    (found,) = measure(*args, **kwargs)
    return found


def test_an_unclustered_rate_is_exact():
    found = one(table([1.0] * 3 + [0.0] * 17))
    exact = clopper_pearson(3, 20)
    assert found.value == 0.15
    assert found.interval == pytest.approx((exact.low, exact.high))
    assert (found.n, found.clusters, found.missing) == (20, 20, 0)


def test_a_clean_record_is_not_certain():
    found = one(table([0.0] * 149), side="upper")
    assert found.interval[1] == pytest.approx(0.01990481622, rel=1e-8)
    assert found.standard_uncertainty > 0


def test_trials_of_a_cluster_are_not_independent():
    rng = np.random.default_rng(3)
    rates = rng.beta(0.5, 2.0, 40)
    clusters = np.repeat(np.arange(40), 10)
    scores = (rng.random(400) < rates[clusters]).astype(float)
    clustered, plain = one(table(scores, clusters=clusters)), one(table(scores))
    width = [m.interval[1] - m.interval[0] for m in (clustered, plain)]
    assert clustered.clusters == 40
    assert width[0] > 1.3 * width[1]
    assert clustered.standard_uncertainty > plain.standard_uncertainty


def test_budget_shares_add_up_and_name_their_sources():
    clusters = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    scores = [1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0]
    found = one(table([*scores, None], clusters=[*clusters, 5]), declared={"label errors": 0.02})
    shares = {row["source"]: row["share"] for row in found.budget}
    assert sum(shares.values()) == pytest.approx(1.0)
    assert {"label errors", "missing trials"} <= set(shares)
    combined = math.sqrt(sum(row["u"] ** 2 for row in found.budget))
    assert found.standard_uncertainty == pytest.approx(combined)
    assert found.missing == 1
    assert found.if_missing[0] < found.interval[0]
    assert found.if_missing[1] > found.interval[1] * 0.9


def test_declared_terms_widen_the_interval():
    scores = [1.0] * 10 + [0.0] * 30
    plain, wide = one(table(scores)), one(table(scores), declared={"grader": 0.05})
    assert wide.interval[0] < plain.interval[0] < plain.interval[1] < wide.interval[1]
    assert "declared" in wide.method


def test_means_use_student_and_cluster_robust_errors():
    rng = np.random.default_rng(1)
    scores = rng.normal(3, 1, 60)
    found = one(table(scores))
    assert "Student" in found.method
    assert found.standard_uncertainty == pytest.approx(scores.std(ddof=1) / math.sqrt(60))
    clustered = one(table(scores, clusters=np.arange(60) // 6))
    assert "robust" in clustered.method


def test_fixed_items_need_repeated_epochs():
    items = [f"item{i // 4}" for i in range(40)]
    epochs = [i % 4 + 1 for i in range(40)]
    rng = np.random.default_rng(2)
    scores = (rng.random(40) < 0.5).astype(float)
    fixed = one(table(scores, items=items, epochs=epochs), population="items")
    sampled = one(table(scores, items=items, epochs=epochs))
    assert fixed.budget[0]["source"] == "epochs"
    assert fixed.interval is not None
    assert sampled.clusters == 10
    once = one(table(scores), population="items")
    assert once.interval is None
    assert "one epoch" in once.method
    same = one(table([1.0] * 40, items=items, epochs=epochs), population="items")
    assert "no item varied" in same.method


@pytest.mark.parametrize(
    ("scores", "clusters", "said"),
    [
        ([0.4] * 9, None, "all 9 are 0.4"),
        ([1.0, 0.0, 1.0], [1, 1, 1], "at least 2, got 1"),
        ([None, None], None, "nothing observed"),
    ],
)
def test_what_cannot_be_estimated_is_said(scores, clusters, said):
    found = one(table(scores, clusters=clusters))
    assert found.interval is None
    assert said in found.method
    assert repr(found)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": 1.0}, "level: wanted strictly between 0 and 1"),
        ({"score": "h"}, "score: wanted one of g, got 'h'"),
        ({"cluster": "shoe"}, "cluster: no column 'shoe'"),
        ({"population": "all"}, "population: wanted"),
    ],
)
def test_wrong_questions_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        measure(table([1.0, 0.0]), **options)


def test_no_trials_and_wrong_tables_are_refused(tmp_path):
    with pytest.raises(InputError, match="wanted at least one, got none"):
        measure(table([]))
    with pytest.raises(InputError, match="the same trial occurs twice"):
        table([1.0, 0.0], items=["a", "a"])
    with pytest.raises(InputError, match="not finite"):
        table([math.nan])
    with pytest.raises(InputError, match="no such file"):
        measure(tmp_path / "none.parquet")
    with pytest.raises(InputError, match="a path or a table"):
        measure(7)


def test_files_and_foreign_frames_give_the_same_numbers(tmp_path):
    trials = table([1.0] * 3 + [0.0] * 17)
    write_parquet(trials, tmp_path / "t.parquet")
    trials.write_csv(tmp_path / "t.csv")
    expected = one(trials)
    assert one(tmp_path / "t.parquet") == expected
    assert one(tmp_path / "t.csv") == expected
    assert one(trials.to_arrow()).interval == expected.interval


def test_a_bad_csv_names_its_row(tmp_path):
    (tmp_path / "t.csv").write_text("subject,instrument,item,grader,score\ns,i,a,g,1\ns,i,b,g,x\n")
    with pytest.raises(InputError, match=r"row 3: score: wanted a number, got 'x'"):
        measure(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text("subject,shoe\ns,1\n")
    with pytest.raises(InputError, match="no column for the item"):
        measure(tmp_path / "t.csv")


def test_the_command_prints_json_with_the_agreed_fields(tmp_path, capsys):
    write_parquet(table([1.0] * 3 + [0.0] * 17), tmp_path / "t.parquet")
    with pytest.raises(SystemExit) as caught:
        main(["measure", str(tmp_path / "t.parquet"), "--json", "--type-b", "grader=0.01"])
    assert caught.value.code == 0
    (found,) = json.loads(capsys.readouterr().out)
    wanted = {"value", "standard_uncertainty", "interval", "method", "n", "clusters", "missing"}
    assert wanted <= set(found)
    assert {"source", "type", "u", "share"} <= set(found["budget"][0])
    with pytest.raises(SystemExit) as caught:
        main(["measure", str(tmp_path / "t.parquet"), "--type-b", "grader"])
    assert caught.value.code == 2


def test_scores_are_measured_one_by_one():
    both = pl.concat([table([1.0, 0.0, 1.0]), table([0.0, 0.0, 1.0], subject="t")])
    assert [m.subject for m in measure(both)] == ["s", "t"]
