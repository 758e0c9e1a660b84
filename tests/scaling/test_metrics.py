"""The metric ladder: rungs against plain twins, the test of emergence, reading, the command."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant._text import dumps
from calibrant.cli import main
from calibrant.errors import InputError, UnfitError
from calibrant.records import trials_frame, write_parquet
from calibrant.scaling import metric_ladder
from calibrant.scaling.metrics.backtest import backtest, moved, ranked, spearman
from calibrant.scaling.metrics.certificates import CERTIFICATES, drawn, verdicts
from calibrant.scaling.metrics.emergence import emergence
from calibrant.scaling.metrics.following import following
from calibrant.scaling.metrics.lines import foreseen, parallel, weights
from calibrant.scaling.metrics.rungs import RUNGS, of_choices, of_moved_choices, of_trials, rung

GADRE = Path("/work/shared/data/scaling/gadre/exp_data")
SMOOTH = {"world": "odds", "subjects": 8, "items": 100, "noise": 0.05, "spread": 0.3}
BROKEN = {"world": "break", "subjects": 8, "items": 100, "noise": 0.05, "spread": 0.3}


def long(answers, name="m"):
    subjects, items, choices = answers.logp.shape
    return pl.DataFrame(
        [
            (name, f"s{s}", float(10 ** answers.scale[s]), f"q{i}", f"c{k}",
             float(answers.logp[s, i, k]), int(k == 0))
            for s in range(subjects) for i in range(items) for k in range(choices)
        ],
        schema=["measure", "subject", "compute", "item", "choice", "logprob", "correct"],
        orient="row",
    )  # fmt: skip


@pytest.fixture(scope="module")
def gadre():
    """Models trained on RefinedWeb for up to 80 tokens a weight: their loss on C4 and accuracy."""
    if not GADRE.exists():
        pytest.skip("the data of Gadre et al. (2024) are not here")
    rows = []
    for file in sorted((GADRE / "models").glob("rw_original*.json")):
        model = json.loads(file.read_text())
        size = model["hyperparameters"]
        tried = GADRE / "evals" / f"evaluation_{model['name']}_heavy.json"
        if size["chinchilla_multiplier"] > 4 or not tried.exists():
            continue
        loss = next(r["loss"] for r in model["results"] if "c4_val" in str(r["val_data"]))
        right = json.loads(tried.read_text())["eval_metrics"]["icl"]
        for task in ("jeopardy", "squad", "hellaswag"):
            one = (model["name"], 6.0 * size["params"] * size["tokens"], task)
            rows += [(*one, "log-probability", -loss), (*one, "accuracy", float(right[task]))]
    columns = ["subject", "compute", "measure", "rung", "value"]
    return pl.DataFrame(rows, schema=columns, orient="row")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-30, 0), min_size=2, max_size=6), st.integers(2, 5))
def test_rungs_of_choices_are_what_their_names_say(logp, k):
    found = of_choices(np.array(logp)[None], (k,))
    p = [math.exp(v - max(logp)) for v in logp]
    p = [v / sum(p) for v in p]
    assert found["log share"][0] == pytest.approx(math.log(max(p[0], 1e-300)), abs=1e-6)
    assert found["share"][0] == pytest.approx(p[0], abs=1e-9)
    brier = (1 - p[0]) ** 2 + sum(v**2 for v in p[1:])
    assert found["Brier"][0] == pytest.approx(brier, abs=1e-9)
    assert found["margin"][0] == pytest.approx(logp[0] - max(logp[1:]), abs=1e-9)
    first = [v for v in logp if v == max(logp)]
    assert found["accuracy"][0] == pytest.approx((logp[0] == max(logp)) / len(first))
    assert found[f"pass^{k}"][0] == pytest.approx(p[0] ** k, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-30, 0), min_size=2, max_size=6), st.floats(-20, 20))
def test_moved_choices_are_choices_of_which_the_right_one_moved(logp, by):
    each = np.array([[*logp, -np.inf]])
    moved_on = each + np.array([by] + [0.0] * len(logp))
    twin, found = of_choices(moved_on), of_moved_choices(each, np.array([[by]]))
    assert set(twin) - set(found) == {"log-probability"}
    for r, v in found.items():
        assert v[0] == pytest.approx(twin[r], rel=1e-9, abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 7), st.data())
def test_pass_k_of_trials_is_the_share_of_draws_that_are_all_right(n, data):
    right, k = data.draw(st.integers(0, n)), data.draw(st.integers(2, n))
    marks = [1] * right + [0] * (n - right)
    twin = np.mean([all(c) for c in combinations(marks, k)])
    found = of_trials(np.array([[float(right)]]), np.array([[float(n)]]), (k,))
    assert found[f"pass^{k}"][0, 0] == pytest.approx(twin)


def test_pass_k_of_trials_is_unbiased():
    n, p, k = 6, 0.7, 3
    c = np.arange(n + 1.0)
    chance = [math.comb(n, int(v)) * p**v * (1 - p) ** (n - v) for v in c]
    found = of_trials(c[None], np.full((1, n + 1), float(n)), (k,))[f"pass^{k}"]
    assert float(found[0] @ chance) == pytest.approx(p**k)


@settings(max_examples=30, deadline=None)
@given(st.floats(-8, -0.01), st.sampled_from(["log share", "Brier", "share"]))
def test_links_go_there_and_back_and_their_slopes_are_derivatives(log, name):
    r = rung(name)
    y = np.array([log if r.low < 0 else np.exp(log)])
    for link in r.links:
        assert r.unlinked(r.linked(y, link), link) == pytest.approx(y, rel=1e-6)
        step = 1e-6 * abs(y)
        twin = (r.linked(y + step, link) - r.linked(y - step, link)) / (2 * step)
        assert r.slope(y, link) == pytest.approx(twin, rel=1e-3)


def test_lines_are_least_squares_and_ranks_those_of_spearman():
    rng = np.random.default_rng(0)
    x, y = np.sort(rng.random(6)), rng.random(6)
    assert weights(x, 2.0) @ y == pytest.approx(np.polyval(np.polyfit(x, y, 1), 2.0))
    w = foreseen(x, (np.arange(5), np.array([5]))).w
    line = np.poly1d(np.polyfit(x[:5], y[:5], 1))
    assert w @ y == pytest.approx([line(x[5]) - line(x[4]), y[5] - line(x[4])])
    assert ranked(np.array([[3.0, 1.0, 3.0]])).tolist() == [[2.0, 0.5, 2.0]]
    d = ranked(x[None]) - ranked(y[None])
    assert spearman(x, y[None])[0] == pytest.approx(1 - 6 * np.sum(d**2) / (6 * 35))


def test_a_smooth_ability_blames_the_metric_and_a_break_the_ability():
    smooth = emergence(drawn(SMOOTH, np.random.default_rng(1)))
    broken = emergence(drawn(BROKEN, np.random.default_rng(1)))
    assert smooth.says == "metric" and "foreseen" in smooth.why
    assert broken.says == "ability" and broken.cut < broken.next
    share = next(u for u in broken.unforeseen if u.rung == "log share")
    assert share.interval[0] > 0.5


def test_parallel_lines_are_least_squares_and_their_scatter_has_its_degrees():
    rng = np.random.default_rng(0)
    x, g = np.array([0.0, 1, 2, 2, 3, 4, 5]), rng.random(7)
    cut = (np.arange(5), np.array([5, 6]))
    lines = np.column_stack([np.ones(7), x, x > 3.5])
    (_, slope, jump), rest, *_ = np.linalg.lstsq(lines, g, rcond=None)
    told = parallel(x, cut)
    assert told.w @ g == pytest.approx([1.5 * slope, 1.5 * slope + jump]) and told.df == 4
    twin = float(rest[0]) / 4 * told.w @ told.w.T
    assert told.scatter(g) == pytest.approx(twin)
    # Subjects of one scale above the cut say how far they scatter, whatever happened there.
    again = foreseen(np.array([0.0, 1, 2, 3, 4, 4]), (np.arange(4), np.array([4, 5])))
    assert again.df == 3
    left = again.rest @ np.array([0.0, 1, 2, 3, 9, 11])
    assert left @ left == pytest.approx(2)


def test_six_subjects_are_enough_for_a_verdict():
    for world, says in ((SMOOTH, "metric"), (BROKEN, "ability")):
        told = [
            emergence(drawn({**world, "subjects": 6}, np.random.default_rng(seed))).says
            for seed in range(5)
        ]
        assert set(told) <= {says, "undetermined"} and told.count(says) >= 4


def test_a_jump_before_any_cut_that_can_be_tested_is_named():
    answers = drawn({**SMOOTH, "subjects": 6}, np.random.default_rng(0))
    early = np.zeros((6, 100))
    early[2:] = 1
    values = {**answers.values, "accuracy": early}
    told = emergence(replace(answers, values=values))
    assert told.says == "undetermined"
    assert told.why.endswith("its largest step has 2 scales below it, and 4 are needed")


def test_real_models_whose_loss_fell_smoothly_blame_the_metric(gadre):
    for task in ("jeopardy", "squad", "hellaswag"):
        told = metric_ladder(gadre.filter(measure=task)).ladders[0]
        assert len(told.subjects) == 22 and told.emergence.says == "metric"


def test_too_little_data_is_undetermined():
    few = emergence(drawn({**BROKEN, "subjects": 4}, np.random.default_rng(1)))
    assert few.says == "undetermined" and "5 are needed" in few.why and few.cuts == 0
    flat = emergence(drawn({**SMOOTH, "world": "chance"}, np.random.default_rng(1)))
    assert flat.says == "undetermined"
    assert json.loads(dumps(flat.to_dict()))["mark"] == "accuracy"
    with pytest.raises(UnfitError, match="no rung 'margins'"):
        emergence(drawn(SMOOTH, np.random.default_rng(1)), mark="margins")


def test_through_the_ladder_a_jump_of_the_metric_is_foreseen():
    answers = drawn(SMOOTH, np.random.default_rng(2))
    tried = {t.rung: t for t in backtest(answers, "log share", draws=100, level=0.9, seed=0)}
    assert tried["accuracy"].skill < 0.3 < 0.8 < tried["accuracy"].through
    assert tried["log share"].skill > 0.8 and tried["log share"].rank == pytest.approx(1)
    assert tried["log share"].through == pytest.approx(tried["log share"].skill, abs=1e-6)
    again = backtest(answers, "log share", draws=100, level=0.9, seed=0)
    assert {t.rung: t for t in again} == tried


def test_items_that_are_moved_meet_the_target_and_keep_their_order():
    answers = drawn(SMOOTH, np.random.default_rng(3))
    w = np.full((1, 100), 0.01)
    found = moved(answers, 4, np.array([-0.4]), w)
    assert found["log share"] == pytest.approx([-0.4], abs=1e-9)
    same = answers.values["log share"][4].mean()
    stay = moved(answers, 4, np.array([same]), w)
    assert stay["accuracy"] == pytest.approx(answers.values["accuracy"][4].mean())


def test_the_next_value_is_forecast_with_an_interval():
    answers = drawn(SMOOTH, np.random.default_rng(4))
    told, way = following(answers, "accuracy", float(answers.scale[-1]) + 0.4)
    low, high = told.interval(0.9)
    assert 0.7 < low[0] < high[0] < 1.02 and way.startswith("through")
    with pytest.raises(UnfitError, match="wanted 4 scales"):
        following(answers, "accuracy", float(answers.scale[0]))


def test_finished_rungs_and_trials_are_ladders_too():
    answers = drawn(BROKEN, np.random.default_rng(1))
    rows = [
        {"subject": f"s{i}", "flops": 10.0**x, "rung": r, "se": 0.01,
         "value": float(answers.values[r][i].mean())}
        for r in ("log share", "accuracy") for i, x in enumerate(answers.scale)
    ]  # fmt: skip
    found = metric_ladder(pl.DataFrame(rows)).ladders[0]
    assert found.emergence.says == "ability" and found.items == 0
    assert found.tried[1].skill_interval is None and found.rungs[1].se is not None
    trials = [
        {"subject": f"s{i}", "scale": 10.0**i, "item": f"q{j}", "score": int(j + t < 3 * i)}
        for i in range(3) for j in range(5) for t in range(4)
    ]  # fmt: skip
    found = metric_ladder(pl.DataFrame(trials), ks=(2,)).ladders[0]
    assert [r.name for r in found.rungs] == ["accuracy", "pass^2"]
    assert "no graded score" in found.emergence.why


def test_trials_take_their_scales_from_another_table(tmp_path):
    rows = [
        {"run": "r", "subject": f"m{s}", "instrument": "sums", "item": f"i{i}", "epoch": e,
         "grader": "rule", "score": None if (s, i, e) == (0, 0, 1) else float(i < 4 * s),
         "error": "timeout" if (s, i, e) == (0, 0, 1) else None}
        for s in range(5) for i in range(16) for e in (1, 2)
    ]  # fmt: skip
    write_parquet(trials_frame(rows), tmp_path / "trials.parquet")
    scales = pl.DataFrame(
        {"model": [f"m{s}" for s in range(5)], "flops": [10.0**s for s in range(5)]}
    )
    found = metric_ladder(tmp_path / "trials.parquet", scales=scales, ks=(2,))
    ladder = found.ladders[0]
    assert (ladder.measure, ladder.items, ladder.clusters) == ("sums", 16, 16)
    assert ladder.rungs[0].values == (0, 0.25, 0.5, 0.75, 1) and ladder.scale == (0, 1, 2, 3, 4)
    assert "1 of 160 trials failed" in found.notes[0]
    path = str(tmp_path / "trials.parquet")
    for wrong, said in (
        (scales[:3], "no scale of 'm3'"),
        (pl.concat([scales, scales]), "one row for each subject"),
        (scales.drop("flops"), "wanted a column 'scale'"),
    ):
        with pytest.raises(InputError, match=said):
            metric_ladder(path, scales=wrong)
    with pytest.raises(InputError, match="the table has its own, 'compute'"):
        metric_ladder(long(drawn(SMOOTH, np.random.default_rng(0))), scales=scales)


BAD = [
    ("subject,item,score\na,b,1\n", "wanted a column 'scale'"),
    ("subject,scale,item,score\na,-1,b,1\n", "row 1: wanted a scale above 0"),
    ("subject,scale,item,score\na,1,b,2\n", "wanted a score from 0 to 1, got 2"),
    ("subject,scale,item,score\na,1,b,x\n", "wanted a number, got 'x'"),
    ("subject,scale,item,score\na,1,b,1\na,2,c,1\n", "'a' has another scale than before"),
    ("subject,scale,item,score\na,1,b,1\nc,2,d,1\n", "wanted at least 2 items that every subject"),
    ("subject,scale,item,p\na,1,b,1.5\n", "wanted a probability, got 1.5"),
    ("subject,scale,item,choice,logprob,correct\na,1,b,x,0.5,1\n", "wanted a log-probability"),
    ("subject,scale,item,choice,logprob,correct\na,1,b,x,-1,1\na,1,b,y,-1,1\n", "one right choice"),
    ("subject,scale,item,choice,logprob,correct\na,1,b,x,-1,1\na,1,b,y,-1,maybe\n", "got 'maybe'"),
    ("subject,scale,rung,value\na,1,accuracy,1.5\n", "accuracy is from 0 to 1, got 1.5"),
    ("subject,scale,rung,value\na,1,charm,1\n", "no rung 'charm'"),
    ("subject,scale,rung,value,se\na,1,accuracy,0.5,-1\n", "a standard error of 0 or more, got -1"),
    ("subject,scale,rung,value\na,1,margin,1e300\n", "margin is from -1e+09 to 1e+09, got 1e+300"),
    ("subject,scale,item,logprob\na,1,b,-1e300\n", "a log-probability of -1e+09 or more"),
    ("subject,scale,item\na,1,b\n", "wanted 'logprob', 'probability' or 'score'"),
    ("subject,scale,item,score\n", "no rows"),
]


@pytest.mark.parametrize(("text", "said"), BAD)
def test_wrong_tables_are_refused_in_one_line(tmp_path, capsys, text, said):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(SystemExit) as end:
        main(["forecast", "metrics", str(path)])
    out, err = capsys.readouterr()
    assert end.value.code == 2 and not out
    assert said in err and err.count("\n") == 1


def test_the_command_prints_a_table_or_one_document(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    table = pl.concat([
        long(drawn({**world, "items": 30}, np.random.default_rng(1)), name)
        for name, world in (("smooth", SMOOTH), ("broken\x1b[31m", BROKEN))
    ])  # fmt: skip
    path, figure = tmp_path / "t.parquet", tmp_path / "f.svg"
    table.write_parquet(path)

    def call(*args):
        with pytest.raises(SystemExit) as end:
            main(["forecast", "metrics", str(path), "--draws", "100", *args])
        assert end.value.code == 0
        return capsys.readouterr()

    out, err = call("--figure", str(figure))
    assert "ability: most of accuracy's rise" in out and "\x1b" not in out + err
    assert figure.stat().st_size > 1000
    found = json.loads(call("--json")[0])
    assert [a["emergence"]["says"] for a in found["ladders"]][1] == "ability"
    assert [r["name"] for r in found["ladders"][0]["rungs"]] == [*RUNGS, "pass^4"]


def test_options_are_checked():
    table = pl.DataFrame({"subject": ["a"], "scale": [1.0], "item": ["q"], "score": [1]})
    for wrong in ({"ks": (1,)}, {"level": 1.5}, {"draws": 3}, {"cut": -1.0}, {"seed": -1}):
        with pytest.raises(InputError, match="metrics: "):
            metric_ladder(table, **wrong)
    with pytest.raises(InputError, match="row 1: wanted a base-10 logarithm, at most 100, got 1e"):
        metric_ladder(table.with_columns(scale=1e22), log=False)


def test_no_verdict_is_wrong_in_a_few_draws_of_the_certificate():
    certificate = CERTIFICATES[0]
    for regime in (certificate.regimes[0], certificate.regimes[6]):
        found = verdicts(regime, np.random.default_rng(5), 12)
        assert found["wrong"] <= 1 / 12 and found["decided"] > 0.3


def test_skill_has_an_interval_only_where_there_were_changes_to_foresee():
    from calibrant.scaling.metrics.backtest import skill_interval

    rng = np.random.default_rng(0)
    noise = 0.01 * rng.standard_normal((2, 2, 201))
    noise[..., 0] = 0
    e, p = np.array([[0.1], [0.1]]), np.array([[1.0], [1.0]])
    low, high = skill_interval(e + noise[0], p + noise[1], 60, 0.9)
    assert 0.97 < low < 0.99 < high < 1  # about 1 - 0.01, by twice 0.1 * 0.01 * t / sqrt(2)
    assert high - low == pytest.approx(2 * 1.67 * np.sqrt(2) * 0.1 * 0.01, rel=0.2)
    assert skill_interval((e + noise[0])[:, :10], (p + noise[1])[:, :10], 60, 0.9) is None
    assert skill_interval(e + noise[0], 0.002 * p + noise[1], 60, 0.9) is None


def test_no_skill_is_known_to_better_than_items_are_few():
    from calibrant.scaling.metrics.backtest import skill_interval

    same = np.zeros((2, 200)) + 1e-6 * np.random.default_rng(0).standard_normal((2, 200))
    e = np.column_stack([[0.1, 0.6], np.add(same, [[0.1], [0.6]])])
    low, high = skill_interval(e, e, 100, 0.9)
    assert high - low < 1e-4
    wide = skill_interval(e, e, 100, 0.9, 0.001)
    assert 0.003 < wide[1] - wide[0] < 0.03 and wide[0] <= 0 <= wide[1]


def test_rates_of_none_in_many_are_redrawn_above_none():
    from calibrant.scaling.metrics.backtest import unseen

    answers = drawn(
        {"world": "odds", "subjects": 6, "items": 60, "noise": 0.1, "spread": 0.1},
        np.random.default_rng(0),
    )
    right = answers.values["accuracy"]
    assert not right[0].any() and right[-1].all()
    y = np.repeat(right.mean(axis=1)[:, None], 400, axis=1)
    found = unseen(answers, "accuracy", y, np.random.default_rng(0))
    assert np.array_equal(found[:, 0], y[:, 0])
    assert found[0, 1:].min() > 0 and found[0].mean() == pytest.approx(0.5 / 61, rel=0.2)
    assert found[-1, 1:].max() < 1
    assert unseen(answers, "margin", y, np.random.default_rng(0)) is y
