"""Measured rates corrected for the grader: the right numbers, wider in clusters, refusals."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant import measure
from calibrant.cli import main
from calibrant.errors import InputError
from calibrant.records import trials_frame, write_parquet
from calibrant.stats.budgets.grader import corrected_rate, rogan_gladen
from calibrant.stats.certificates import measure_certificate
from calibrant.stats.certificates.grader import CERTIFICATES
from calibrant.stats.estimates.clusters import Clusters, korn_graubard

GOLD = ((45, 50), (48, 50))


def table(scores, *, clusters=None, items=None):
    return trials_frame(
        {
            "subject": "s",
            "instrument": "i",
            "item": items[k] if items else f"item{k}",
            "cluster": None if clusters is None else f"c{clusters[k]}",
            "epoch": k,
            "grader": "g",
            "score": score,
            "error": "failed" if score is None else None,
        }
        for k, score in enumerate(scores)
    )


def one(*args, **kwargs):
    (found,) = measure(*args, **kwargs)
    return found


def test_independent_trials_get_lang_and_reiczigels_interval():
    found = one(table([1.0] * 30 + [0.0] * 170), grader=GOLD)
    twin = rogan_gladen(30, 200, *GOLD, method="lang-reiczigel")
    assert found.value == pytest.approx((0.15 + 0.96 - 1) / (0.9 + 0.96 - 1))
    assert found.value == pytest.approx(twin.value)
    assert found.interval == pytest.approx((twin.low, twin.high))
    assert found.raw_value == 0.15
    assert found.effective == 200
    assert "Rogan–Gladen" in found.method
    assert "45/50" in found.method


def test_the_budget_holds_the_grader_in_rows_that_add_up():
    found = one(table([1.0] * 30 + [0.0] * 170), grader=GOLD)
    rows = {row["source"]: row for row in found.budget}
    assert set(rows) == {"items", "grader sensitivity", "grader specificity"}
    assert found.standard_uncertainty == pytest.approx(
        math.sqrt(sum(r["u"] ** 2 for r in found.budget))
    )
    # The slopes of (p + c - 1) / (s + c - 1), by differences.
    p, s, c, step = 0.15, 0.9, 0.96, 1e-6

    def rate(p, s, c):
        return (p + c - 1) / (s + c - 1)

    plain = one(table([1.0] * 30 + [0.0] * 170)).budget[0]["u"]
    slope = (rate(p + step, s, c) - rate(p - step, s, c)) / (2 * step)
    assert rows["items"]["u"] == pytest.approx(plain * slope)
    for name, (k, n), by in (
        ("grader sensitivity", GOLD[0], (rate(p, s + step, c) - rate(p, s - step, c)) / (2 * step)),
        ("grader specificity", GOLD[1], (rate(p, s, c + step) - rate(p, s, c - step)) / (2 * step)),
    ):
        a, b = k + 0.5, n - k + 0.5
        sd = math.sqrt(a * b / ((a + b) ** 2 * (a + b + 1)))
        assert rows[name]["u"] == pytest.approx(abs(by) * sd, rel=1e-5)


def test_clusters_count_in_the_correction():
    rng = np.random.default_rng(3)
    clusters = np.repeat(np.arange(40), 10)
    scores = (rng.random(400) < rng.beta(1.0, 3.0, 40)[clusters]).astype(float)
    grouped, plain = (
        one(table(scores, clusters=clusters), grader=GOLD),
        one(table(scores), grader=GOLD),
    )
    assert grouped.value == pytest.approx(plain.value)
    assert grouped.interval[1] - grouped.interval[0] > 1.2 * (plain.interval[1] - plain.interval[0])
    sums = np.bincount(clusters, weights=scores)
    worth = korn_graubard(Clusters(sums, np.full(40, 10))).effective
    assert grouped.effective == pytest.approx(worth)
    assert grouped.effective < 250
    twin = corrected_rate(float(scores.mean()), worth, *GOLD)
    assert grouped.interval == pytest.approx((twin.low, twin.high))
    assert {r["source"] for r in grouped.budget} >= {"clusters", "grader sensitivity"}


@given(
    st.floats(0, 1), st.floats(1, 1e5), st.integers(1, 200), st.integers(1, 200),
    st.floats(0, 1), st.floats(0, 1), st.sampled_from([0.8, 0.95]),
    st.sampled_from(["two", "upper", "lower"]),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_corrected_rates_stay_in_range_or_are_refused(p, n, m, k, a, b, level, side):
    gold = (round(a * m), m), (round(b * k), k)
    if gold[0][0] / m + gold[1][0] / k <= 1:
        with pytest.raises(InputError, match="above 1"):
            corrected_rate(p, n, *gold)
        return
    found = corrected_rate(p, n, *gold, level=level, side=side)
    assert 0 <= found.low <= found.value <= found.high <= 1
    if n == int(n) and float(p * n).is_integer() and side == "two":
        twin = rogan_gladen(int(p * n), int(n), *gold, level=level, method="lang-reiczigel")
        assert found.high >= twin.high - 1e-12


def test_a_clean_record_of_a_noisy_grader_is_not_certain():
    found = one(table([0.0] * 200), grader=((45, 50), (50, 50)), side="upper")
    assert found.value == 0
    assert 0 < found.interval[1] < 0.2
    assert found.standard_uncertainty > 0


def test_fixed_items_and_missing_trials_are_corrected_too():
    rng = np.random.default_rng(2)
    items = [f"item{k // 8}" for k in range(160)]
    scores = list((rng.random(160) < 0.4).astype(float))
    fixed = one(table(scores, items=items), grader=GOLD, population="items")
    assert fixed.interval[0] < fixed.value < fixed.interval[1]
    assert {r["source"] for r in fixed.budget} >= {"epochs", "grader sensitivity"}
    holes = one(table([None, None, *scores[2:]]), grader=GOLD)
    assert holes.if_missing[0] < holes.interval[0]
    assert holes.if_missing[1] > holes.interval[1]


def test_declared_terms_widen_a_corrected_rate():
    scores = [1.0] * 30 + [0.0] * 170
    plain = one(table(scores), grader=GOLD)
    wide = one(table(scores), grader=GOLD, declared={"prompt": 0.05})
    assert wide.interval[1] > plain.interval[1]


def test_scores_that_are_no_rate_are_refused_in_words():
    found = one(table([0.1, 0.7, 0.4]), grader=GOLD)
    assert found.interval is None
    assert found.raw_value is None
    assert "wanted scores of 0 and 1" in found.method


@pytest.mark.parametrize(
    ("grader", "message"),
    [
        (((25, 50), (25, 50)), "sensitivity \\+ specificity above 1, got 0.5 \\+ 0.5"),
        (((51, 50), (48, 50)), "gold positives: wanted 0 ≤ right ≤ labels"),
        (((45, 50), (0, 0)), "gold negatives: wanted"),
        (((45.0, 50), (48, 50)), "gold positives"),
        ((45, 50), "wanted \\(\\(right, gold positives\\)"),
        (0.9, "wanted \\(\\(right"),
    ],
)
def test_impossible_graders_are_refused(grader, message):
    with pytest.raises(InputError, match=message):
        measure(table([1.0, 0.0]), grader=grader)
    with pytest.raises(InputError):
        corrected_rate(0.2, 0.0, *GOLD)
    with pytest.raises(InputError):
        corrected_rate(1.2, 10.0, *GOLD)


def test_the_command_takes_gold_counts(tmp_path, capsys):
    path = tmp_path / "t.parquet"
    write_parquet(table([1.0] * 30 + [0.0] * 170), path)
    gold = ["--gold-positive", "45/50", "--gold-negative", "48/50"]
    with pytest.raises(SystemExit) as caught:
        main(["measure", str(path), *gold, "--json"])
    assert caught.value.code == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["raw_value"] == 0.15
    assert found["value"] == pytest.approx(0.12790697674)
    with pytest.raises(SystemExit):
        main(["measure", str(path), *gold])
    assert "0.15 before the correction" in capsys.readouterr().out
    for wrong, said in (
        (gold[:2], "wanted both"),
        (["--gold-positive", "45", *gold[2:]], "wanted RIGHT/LABELS"),
        (["--gold-positive", "60/50", *gold[2:]], "gold positives: wanted"),
    ):
        with pytest.raises(SystemExit) as caught:
            main(["measure", str(path), *wrong])
        assert caught.value.code == 2
        assert said in capsys.readouterr().err


def test_the_certificate_holds_in_short():
    for certificate in CERTIFICATES:
        for found in measure_certificate(certificate, draws=250, seed=1):
            assert not found.broken, found
            assert found.statistics["covered"] > 0.9
