"""Items that are planted bad are found, and good ones are left alone."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from calibrant.cli import main
from calibrant.errors import InputError
from calibrant.items import check
from calibrant.quality.checks.actions import alpha, swaps
from calibrant.quality.checks.duplicates import few, twin_texts, twins
from calibrant.quality.checks.forecast import forecast, years
from calibrant.quality.checks.residuals import residual_checks
from calibrant.quality.checks.rest import item_rest
from calibrant.quality.checks.working import NODES, WEIGHTS, posterior_of, work
from calibrant.quality.responses import of_matrix

DATA = Path(__file__).parents[3] / "shared/data/quality"


def drawn(rng, subjects, items):
    slope, intercept = rng.lognormal(0, 0.3, items), rng.normal(0, 1, items)
    theta = rng.normal(size=subjects)
    p = expit(theta[:, None] * slope + intercept)
    return (rng.random((subjects, items)) < p).astype(float), theta, slope, intercept


def test_24_of_100_items_turned_round_are_found_without_false_alarms():
    rng = np.random.default_rng(1)
    x, *_ = drawn(rng, 300, 100)
    wrong = set(rng.permutation(100)[:24].tolist())
    x[:, list(wrong)] = 1 - x[:, list(wrong)]
    found = check(of_matrix(x), replicates=0)
    flagged = {s.item for s in found.suspects}
    assert len(wrong - flagged) <= 1 and len(flagged - wrong) <= 1
    assert {a.items[0] for a in found.actions if a.what == "review key"} == flagged
    assert "upper third" in found.suspects[0].why


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 12), st.integers(3, 6), st.integers(0, 10**6))
def test_item_rest_is_the_correlation_with_the_mean_of_the_others(subjects, items, seed):
    rng = np.random.default_rng(seed)
    x = (rng.random((subjects, items)) < 0.5).astype(float)
    x[rng.random(x.shape) < 0.15] = np.nan
    got = item_rest(x)
    means = [np.nanmean(c) if (~np.isnan(c)).any() else 0.0 for c in x.T]
    for j in range(items):
        who = [i for i in range(subjects) if not np.isnan(x[i, j])]
        rest = []
        for i in who:
            others = [x[i, k] - means[k] for k in range(items) if k != j and not np.isnan(x[i, k])]
            rest.append(np.mean(others) if others else 0.0)
        column = x[who, j]
        if len(who) < 4 or column.std() < 1e-9 or np.std(rest) < 1e-9:
            assert np.isnan(got.correlation[j]) and got.p_negative[j] == 1.0
            continue
        want = np.corrcoef(column, rest)[0, 1]
        assert got.correlation[j] == pytest.approx(want, abs=1e-6)


def test_the_p_of_a_negative_correlation_is_close_to_the_exact_one_over_all_orders():
    rng = np.random.default_rng(2)
    for _ in range(6):
        x = (rng.random((10, 8)) < 0.5).astype(float)
        x[:, 0] = rng.permutation([1.0] * 4 + [0.0] * 6)
        got = item_rest(x)
        rest = (x[:, 1:] - x[:, 1:].mean(0)).mean(1)
        seen = x[:, 0] @ rest
        sums = [rest[list(c)].sum() for c in itertools.combinations(range(10), 4)]
        exact = np.mean(np.array(sums) < seen - 1e-9) + 0.5 * np.mean(np.abs(sums - seen) < 1e-9)
        assert got.p_negative[0] == pytest.approx(exact, abs=0.04)


def test_few_and_separated_subjects_never_look_surer_than_their_number_of_orders():
    x = np.array([[0, 1, 1, 1], [0, 1, 1, 1], [1, 0, 0, 0], [1, 0, 0, 0]], float)
    assert item_rest(x).p_negative[0] >= 1 / 6 - 1e-12


def test_relatives_are_no_independent_witnesses():
    rng = np.random.default_rng(3)
    x = np.repeat((rng.random((8, 12)) < 0.5).astype(float), 10, axis=0)
    kin = [f"f{i // 10}" for i in range(80)]
    alone, together = item_rest(x), item_rest(x, families=kin)
    assert alone.q_negative.min() < 0.01 < together.q_negative.min()


def test_a_posterior_is_prior_times_likelihood():
    rng = np.random.default_rng(4)
    x, _, a, d = drawn(rng, 4, 5)
    got = posterior_of(x, 1 - x, a, d)
    for i in range(4):
        joint = WEIGHTS.copy()
        for j in range(5):
            p = 1 / (1 + np.exp(-(a[j] * NODES + d[j])))
            joint = joint * (p if x[i, j] else 1 - p)
        np.testing.assert_allclose(got[i], joint / joint.sum(), atol=1e-12)


def test_the_working_model_recovers_slopes_and_signs():
    rng = np.random.default_rng(5)
    x, theta, a, _ = drawn(rng, 1500, 25)
    x[:, 3] = 1 - x[:, 3]
    fit = work(x)
    sign = np.where(np.arange(25) == 3, -1, 1)
    z = (fit.slope - sign * a) / fit.slope_error
    assert np.abs(z).max() < 4.5 and 0.6 < z.std() < 1.6
    assert np.corrcoef(fit.ability, theta)[0, 1] > 0.88


def test_dependent_pairs_and_misfit_are_found_under_one_ability():
    rng = np.random.default_rng(6)
    x, theta, *_ = drawn(rng, 200, 30)
    shared = rng.normal(size=200)
    for j in (3, 17):
        x[:, j] = rng.random(200) < expit(theta + 2.5 * shared)
    x[:, 8] = np.abs(theta) < 0.7  # the middle gets it right
    fit, dependence = residual_checks(
        x, work(x), clusters={"c": ["a" if j in (3, 17) else str(j) for j in range(30)]},
        replicates=79, rng=rng,
    )  # fmt: skip
    assert [(p.first, p.second) for p in dependence.pairs] == [(3, 17)]
    assert dependence.clusters == ((3, 17),)
    assert dependence.within[0].p == pytest.approx(1 / 80) and dependence.within[0].pairs == 1
    assert fit.q[8] <= 0.05 and (fit.q <= 0.05).sum() <= 3


@given(st.lists(st.floats(0.05, 0.95), min_size=1, max_size=7), st.integers(0, 7))
@settings(max_examples=30, deadline=None)
def test_few_events_have_the_chance_that_enumeration_gives(chance, most):
    total = 0.0
    for events in itertools.product((0, 1), repeat=len(chance)):
        if sum(events) <= most:
            total += float(np.prod([c if e else 1 - c for c, e in zip(chance, events)]))  # noqa: B905
    assert few(np.array(chance), most) == pytest.approx(total)


def test_twins_are_found_among_items_and_subjects_and_strangers_are_not():
    rng = np.random.default_rng(7)
    x, *_ = drawn(rng, 90, 60)
    x[:, 41] = x[:, 5]
    x[20] = x[10]
    found = check(of_matrix(x), replicates=0)
    assert [(t.first, t.second, t.identical) for t in found.twins] == [(5, 41, True)]
    assert [(t.first, t.second) for t in found.subject_twins] == [(10, 20)]
    assert any("count as one family" in n for n in found.notes)
    kept = [a for a in found.actions if a.what == "keep one of these"]
    assert kept[0].items == (5, 41)
    # All are right on both: agreement that means nothing.
    easy = np.ones((40, 6))
    easy[0, 0] = 0
    assert twins(easy, np.full(easy.shape, 0.98), agreement=0.95, phi=0.8) == ()


def test_texts_that_say_the_same_are_found():
    base = "How many apples does Anna have after giving three of her ten apples to Tom today"
    texts = [base, base.replace("today", "now"), "Name the capital of France in one word", None, ""]
    (twin,) = twin_texts(texts, np.ones((3, 5)))
    assert (twin.first, twin.second) == (0, 1) and twin.overlap >= 0.8


def test_the_answer_that_able_subjects_agree_on_is_named():
    rng = np.random.default_rng(8)
    x, theta, *_ = drawn(rng, 60, 20)
    rows = []
    for i, j in itertools.product(range(60), range(20)):
        score, answer = x[i, j], "yes" if x[i, j] else f"no {rng.integers(5)}"
        if j == 4:
            right = theta[i] + 0.3 * rng.normal() > -0.3
            score, answer = float(not right), " B\u202e " if right else "A"
        rows.append((f"s{i}", f"q{j}", "r", score, answer))
    table = pl.DataFrame(rows, schema=["subject", "item", "run", "score", "answer"], orient="row")
    found = check(table, replicates=0)
    (suspect,) = found.suspects
    assert found.responses.items[suspect.item] == "q4"
    assert suspect.answer is not None and suspect.answer.startswith("b") and suspect.agreed > 0.8


def test_alpha_and_swaps_are_by_their_definitions():
    rng = np.random.default_rng(9)
    x = rng.random((30, 6))
    want = 6 / 5 * (1 - x.var(0, ddof=1).sum() / x.sum(1).var(ddof=1))
    assert alpha(x) == pytest.approx(want)
    assert swaps(np.array([1.0, 2, 3]), np.array([2.0, 1, 3])) == 1
    assert np.isnan(alpha(np.ones((4, 3))))


def test_a_forecast_is_refused_or_says_how_it_did_before():
    rng = np.random.default_rng(10)
    t = 2021 + np.sort(rng.random(60) * 4)
    score = expit(-1.5 + 0.6 * (t - 2021) + 0.25 * rng.normal(size=60))
    found = forecast(t, score, rng=rng)
    assert found.reached is None and found.low < (found.median or "9999")
    assert found.hindcast > 0 and len(found.records) >= 8
    with pytest.raises(InputError, match="at least 8 records"):
        forecast(t[:5], score[:5], rng=rng)
    done = forecast(t, np.where(t > 2023, 0.97, 0.4), rng=rng)
    assert done.reached is not None and done.reached.startswith("2023")
    got = years(pl.Series(["2024-01-01", "2024-07", None, "2024"]))
    np.testing.assert_allclose(got, [2024, 2024 + 182 / 365.25, np.nan, 2024 + 182 / 365.25])
    with pytest.raises(InputError, match="wanted a date"):
        years(pl.Series(["soon"]))


def test_hard_inputs_are_survived_or_named():
    rng = np.random.default_rng(11)
    x, *_ = drawn(rng, 8, 12)
    assert any("not looked at" in n for n in check(of_matrix(x)).notes)
    x, *_ = drawn(rng, 30, 12)
    x[:, 0], x[:, 1] = 1.0, 0.0
    x[2] = 1.0
    x[4] = np.nan
    x[:, 5] = np.nan
    found = check(of_matrix(x), replicates=19)
    assert found.always == (0,) and json.loads(json.dumps(found.to_dict()))
    check(of_matrix(rng.random((25, 10))), replicates=19)
    check(of_matrix(np.ones((20, 5))), replicates=19)
    with pytest.raises(InputError, match="at least one score"):
        check(of_matrix(np.full((20, 5), np.nan)))
    two = np.full((40, 10), np.nan)
    two[:20, :5], two[20:, 5:] = rng.random((20, 5)) < 0.5, rng.random((20, 5)) < 0.5
    check(of_matrix(two), replicates=19)
    for bad, said in (({"rate": 0.0}, "rate"), ({"replicates": 3}, "at least 19")):
        with pytest.raises(InputError, match=said):
            check(of_matrix(x), **bad)
    with pytest.raises(InputError, match="at least 3 subjects"):
        check(of_matrix(x[:2]))


def test_the_command_prints_actions_or_one_document(tmp_path, capsys):
    rng = np.random.default_rng(12)
    x, theta, *_ = drawn(rng, 60, 30)
    x[:, 7] = 1 - (theta > 0)
    names = [f"q{j}\x1b[31m" for j in range(30)]
    frame = pl.DataFrame(x, schema=names)
    frame.insert_column(0, pl.Series("model", [f"m{i}" for i in range(60)]))
    frame.write_csv(tmp_path / "r.csv")
    pl.DataFrame({
        "model": [f"m{i}" for i in range(60)],
        "date": [f"20{20 + i // 12}-{i % 12 + 1:02d}-01" for i in range(60)],
    }).write_csv(tmp_path / "s.csv")  # fmt: skip
    args = ["items", "check", str(tmp_path / "r.csv"), "--subjects", str(tmp_path / "s.csv"),
            "--replicates", "19"]  # fmt: skip
    with pytest.raises(SystemExit) as end:
        main([*args, "--json"])
    plain = json.loads(capsys.readouterr().out)
    assert end.value.code == 0 and plain["suspects"][0]["item"].startswith("q7")
    with pytest.raises(SystemExit) as end:
        main([*args, "--figure", str(tmp_path / "f.svg")])
    out = capsys.readouterr().out
    assert end.value.code == 0 and "review key: q7" in out and "\x1b[31m" not in out
    assert (tmp_path / "f.svg").read_text().startswith("<svg")
    with pytest.raises(SystemExit) as end:
        main(["items", "check", str(tmp_path / "none.csv")])
    assert end.value.code == 2 and capsys.readouterr().err.count("\n") == 1


def test_livebench_has_no_item_that_is_surely_turned_round():
    if not (DATA / "livebench_complete_block.csv").exists():
        pytest.skip("shared/data/quality is not here")
    found = check(
        DATA / "livebench_complete_block.csv", items=DATA / "livebench_items.csv", replicates=0
    )
    assert len(found.suspects) == 0 and len(found.never) == 62 and len(found.always) == 0
    assert replace(found, notes=()).saturation.best == pytest.approx(0.667, abs=0.001)


def test_climbing_is_on_the_logit_scale():
    t = 2020 + np.arange(9.0)
    found = forecast(t, expit(np.linspace(-2, 0, 9)), rng=np.random.default_rng(0))
    assert found.per_year == pytest.approx(np.exp(0.25))
    # A law without any spread: 0.25 a year from 0 to the logit of 0.95.
    steps = int(np.ceil(logit(0.95) / 0.25 - 1e-9))
    assert found.median is not None and found.median.startswith(str(2028 + steps))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"date": "released"}, "date: no column 'released' about the subjects"),
        ({"target": 2.0}, "target: wanted a share of the full score, 0 to 1, got 2"),
        ({"target": 0.0}, "target: wanted a share"),
    ],
)
def test_a_forecast_that_cannot_be_is_refused(options, match):
    scores = (np.random.default_rng(0).random((20, 10)) < 0.5).astype(float)
    with pytest.raises(InputError, match=match):
        check(of_matrix(scores), replicates=0, **options)
