"""Drift of a judge: against hand-made tables, exact laws gone through by hand, and real labels."""

import csv
import json
from itertools import combinations, product
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant import judge
from calibrant.cli import main
from calibrant.errors import InputError
from calibrant.judges.drift import drift, watch
from calibrant.judges.drift.anchors import changed, hypergeometric_law, in_order
from calibrant.records import trials_frame, write_parquet
from calibrant.stats.comparisons.two_rates import matched_difference, mcnemar

REAL = Path(__file__).parents[3] / "shared/data/judges"


def table(scores, items=None, **more):
    items = [f"q{i}" for i in range(len(scores))] if items is None else items
    return pl.DataFrame({"item": items, "score": scores, **more})


def test_flips_are_mcnemars():
    before = [1] * 40 + [0] * 40 + [1] * 9 + [0] * 2
    after = [1] * 40 + [0] * 40 + [0] * 9 + [1] * 2
    found = drift(table(before), table(after))
    assert (found.up, found.down, found.n) == (2, 9, 91)
    assert found.shift.p_value == pytest.approx(mcnemar(9, 2))
    assert found.p_direction == found.shift.p_value
    exact = matched_difference(2, 9, 91)
    assert (found.shift.interval.low, found.shift.interval.high) == (exact.low, exact.high)
    agree = 80 / 91
    chance = (49 / 91) * (42 / 91) + (42 / 91) * (49 / 91)
    assert found.kappa == pytest.approx((agree - chance) / (1 - chance))
    assert found.kappa_interval.low < found.kappa < found.kappa_interval.high
    assert found.flipped == tuple(f"q{i}" for i in range(80, 91))


def test_changed_answers_are_left_out_and_counted():
    before = table([1, 0, 1, 1], answer=["a", "b", "c", "d"])
    after = table([0, 0, 1, 0], answer=["a", "b", "C", "d"])
    found = drift(before, after)
    assert found.n == 3
    assert found.left_out["different"] == 1
    assert any("another text" in n for n in found.notes)


def test_failed_and_lonely_verdicts_are_counted():
    before = table([1, 0, None, 1, 1], items=["a", "b", "c", "d", "e"])
    after = table([1, 1, 1, None], items=["a", "b", "c", "d"])
    found = drift(before, after)
    assert found.n == 2
    assert found.left_out == {
        "only before": 1, "only after": 0, "different": 0, "failed before": 1, "failed after": 1,
    }  # fmt: skip


def test_sensitivity_and_specificity_move_apart():
    gold = [1] * 50 + [0] * 50
    before = [1] * 45 + [0] * 5 + [0] * 40 + [1] * 10
    after = [1] * 30 + [0] * 20 + [0] * 48 + [1] * 2
    found = drift(table(before, gold=gold), table(after), gold="gold", threshold=0.45)
    change = {s.of: s for s in found.against_gold}
    assert change["sensitivity"].change == pytest.approx(-0.3)
    assert change["specificity"].change == pytest.approx(0.16)
    assert change["accuracy"].change == pytest.approx(-0.07)
    assert change["sensitivity"].p_adjusted >= change["sensitivity"].p_value
    assert found.headline.crosses
    assert (found.headline.before, found.headline.after) == (0.55, 0.32)
    assert found.headline.said_after == "below"


def test_categories_share_the_error():
    rng = np.random.default_rng(0)
    kind = np.repeat(["chat", "code", "maths"], 60)
    before = rng.integers(0, 2, 180)
    after = np.where((kind == "code") & (rng.random(180) < 0.5), 0, before)
    found = drift(table(before, kind=kind), table(after), stratum="kind")
    change = {s.of: s for s in found.strata}
    assert change["chat"].change == 0
    assert change["code"].p_adjusted == pytest.approx(3 * change["code"].p_value)


def test_several_answers_of_an_item_are_a_cluster():
    rng = np.random.default_rng(1)
    items = np.repeat([f"q{i}" for i in range(30)], 5)
    epoch = np.tile(np.arange(5), 30)
    before = np.repeat(rng.integers(0, 2, 30), 5)
    after = np.repeat(np.where(rng.random(30) < 0.2, 0, before[::5]), 5)
    found = drift(
        table(before, items, epoch=epoch), table(after, items, epoch=epoch), key=["epoch"]
    )
    assert found.items == 30
    assert "clusters" in " ".join(found.notes)
    alone = drift(table(before[::5]), table(after[::5]))
    # Repeats that agree say no more than one.
    wide = found.shift.interval.high - found.shift.interval.low
    assert wide > 0.8 * (alone.shift.interval.high - alone.shift.interval.low)


def test_a_score_is_cut_or_taken_as_it_is():
    before, after = table([1.0, 4, 5, 3, 2, 5]), table([2.0, 4, 5, 5, 1, 4])
    assert drift(before, after).shift.change == pytest.approx(1 / 6)
    found = drift(before, after, cut=4)
    assert (found.up, found.down) == (1, 0)


def test_trials_pair_by_answer_and_the_judge_may_be_renamed(tmp_path):
    for name, move in (("v1", 0), ("v2", 1)):
        rows = trials_frame(
            {"run": name, "subject": "m", "instrument": "quiz", "item": f"q{i}", "epoch": e + 1,
             "grader": f"judge-{name}", "score": float(i % 2 and not (move and i == 3)),
             "answer": f"text {i} {e}"}
            for i in range(20)
            for e in range(2)
        )  # fmt: skip
        write_parquet(rows, tmp_path / f"{name}.parquet")
    found = judge.drift(tmp_path / "v1.parquet", tmp_path / "v2.parquet")
    assert (found.n, found.items, found.down) == (40, 20, 2)
    assert found.flipped == ("q3",)


def test_real_people_as_versions():
    path = REAL / "pandalm_testset_labels.csv"
    if not path.exists():
        pytest.skip("the labels of PandaLM are not here")
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    first = np.array([row["annotator1"] == "1" for row in rows], float)
    second = np.array([row["annotator2"] == "1" for row in rows], float)
    found = drift(table(first), table(second))
    up, down = int(((second - first) > 0).sum()), int(((second - first) < 0).sum())
    assert (found.up, found.down, found.n) == (up, down, len(rows))
    assert found.p_direction == pytest.approx(mcnemar(down, up))


def plain_law(grades, window):
    """The chances of each number of passes in the last window, by going through all orders."""
    ways = {}
    for rows in product(*(list(combinations(range(len(g)), window)) for g in grades)):
        s = sum(g[i] for g, at in zip(grades, rows, strict=True) for i in at)
        ways[s] = ways.get(s, 0) + 1
    total = sum(ways.values())
    return {s: k / total for s, k in ways.items()}


@given(
    st.integers(2, 4).flatmap(
        lambda t: st.tuples(
            st.lists(st.lists(st.integers(0, 1), min_size=t, max_size=t), min_size=1, max_size=4),
            st.integers(1, t - 1),
        )
    )
)
@settings(deadline=None, max_examples=60)
def test_exact_p_equals_going_through_all_orders(case):
    grades, window = case
    law = plain_law(grades, window)
    s = sum(sum(g[-window:]) for g in grades)
    low = sum(p for x, p in law.items() if x <= s)
    high = sum(p for x, p in law.items() if x >= s)
    x = np.array(grades, dtype=float).T
    assert changed(x, window) == pytest.approx(min(1.0, 2 * min(low, high)))


def test_two_gradings_are_mcnemars_test():
    x = np.array([[1] * 12 + [0] * 3 + [1] * 20, [0] * 12 + [1] * 3 + [1] * 20], dtype=float)
    assert changed(x, 1) == pytest.approx(mcnemar(12, 3))
    assert hypergeometric_law(1, 2, 1) == pytest.approx([0.5, 0.5])


def test_a_watch_sees_a_step_and_not_before():
    rng = np.random.default_rng(3)
    x = (rng.random((20, 80)) < rng.beta(0.4, 0.2, 80)).astype(float)
    quiet = watch(x, tolerance=0.6)
    assert quiet.moved_at is None
    assert quiet.beyond_at is None
    x[10:, :] = np.where(rng.random((10, 80)) < 0.3, 0, x[10:, :])
    moved = watch(x, times=[f"week {t}" for t in range(20)], tolerance=0.6)
    assert int(moved.moved_at.split()[1]) >= 10
    assert "has moved" in repr(moved)
    assert moved.looks[8] == watch(x[:10], times=[f"week {t}" for t in range(10)],
                                   tolerance=0.6).looks[8]  # fmt: skip


def test_a_firm_judge_never_alarms_and_gaps_are_allowed():
    x = np.tile((np.arange(30) % 3 > 0).astype(float), (12, 1))
    x[4, ::5] = np.nan
    found = watch(x)
    assert found.looks[-1].p_anytime == 1
    assert found.looks[3].missing == 6
    assert found.looks[-1].flips_high < 0.05


def test_scores_are_watched_too():
    rng = np.random.default_rng(4)
    x = rng.normal(5, 1, 40) + rng.normal(0, 0.3, (10, 40))
    assert watch(x).moved_at is None
    x[5:] -= 0.5
    assert watch(x).moved_at in {"5", "6", "7"}


def test_one_table_of_many_versions(tmp_path, capsys):
    rng = np.random.default_rng(5)
    q = rng.beta(0.4, 0.2, 60)
    rows = [
        {"item": f"q{i}", "score": int(rng.random() < q[i]) if w < 6 else 0,
         "week": f"2026-{w + 1:02d}-01"}
        for w in rng.permutation(9).tolist()
        for i in range(60)
    ]  # fmt: skip
    path = tmp_path / "anchors.csv"
    pl.DataFrame(rows).write_csv(path)
    with pytest.raises(SystemExit) as caught:
        main(["judge", "drift", str(path), "--version", "week", "--json"])
    assert caught.value.code == 0
    found = json.loads(capsys.readouterr().out)
    assert found["watch"]["reference"] == "2026-01-01"
    assert found["watch"]["moved_at"] == "2026-07-01"
    with pytest.raises(SystemExit):
        main(["judge", "drift", str(path), "--version", "week", "--threshold", "0.5"])
    out = capsys.readouterr().out
    assert "p so far" in out
    assert "against 0.5" in out
    assert "not compared" in out


def test_order_of_times():
    assert in_order(["10", "9", "9", "11"]) == ["9", "10", "11"]
    assert in_order(["v2", "v1"]) == ["v2", "v1"]
    assert in_order(["2026-02-01", "2025-12-31"]) == ["2025-12-31", "2026-02-01"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((table([1, 0]), table([1, 0], items=["x", "y"])), "no answer in common"),
        ((table([1, 0], items=["a", "a"]), table([1, 0])), "occurs twice"),
        ((table([1, 0]),), "its column of versions"),
        ((table(["1", "maybe"]), table([1, 0])), "got 'maybe'"),
        ((table([1, 0]).drop("score"), table([1, 0])), "no column 'score'"),
        ((table([None, 1.0]), table([1.0, None])), "no answer that both"),
    ],
)
def test_mistakes_are_named(args, said):
    with pytest.raises(InputError, match=said):
        drift(*args)


@pytest.mark.parametrize("options", [{"tolerance": 0}, {"level": 1}, {"times": ["a"]}])
def test_mistakes_of_a_watch_are_named(options):
    with pytest.raises(InputError):
        watch(np.ones((3, 5)), **options)
