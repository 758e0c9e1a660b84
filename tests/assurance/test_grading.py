"""Claims about the rate by gold, and cards: limits by brute force, planted runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibrant import assess, read_assessment
from calibrant.assurance.grading import SAMPLING, corrected, shown, true_rates
from calibrant.assurance.suite import Claim
from calibrant.cli import main
from calibrant.errors import InputError
from calibrant.judges.card import Card
from calibrant.judges.gold import Study, Tally, read_study
from calibrant.report.pack import pack
from calibrant.report.page import html
from calibrant.report.verify import verify
from calibrant.stats import anytime


def study(right_pos=45, pos=50, right_neg=190, neg=200, **more):
    return Study(
        grader="g", source="gold.csv", sha256="0" * 64,
        positives=Tally(right=right_pos, labels=pos, **more),
        negatives=Tally(right=right_neg, labels=neg),
    )  # fmt: skip


def claim(**more):
    given = {"name": "c", "instrument": "i", "rate": "x", "gold": "gold.csv"} | more
    return Claim.model_validate(given)


def gold_file(folder: Path, pos=(90, 100), neg=(195, 200), extra="") -> Path:
    """Verdicts beside gold: `pos` right of positives, `neg` right of negatives."""
    rows = [(1, int(i < pos[0])) for i in range(pos[1])] + [
        (0, int(i >= neg[0])) for i in range(neg[1])
    ]
    text = "item,gold,judge\n" + "".join(f"i{k},{g},{s}\n" for k, (g, s) in enumerate(rows))
    path = folder / "gold.csv"
    path.write_text(text + extra)
    return path


def test_limits_of_the_shown_rate_are_those_of_the_worst_grader():
    c = claim(below=0.2, if_really=0.05)
    s = study()
    found = shown(c, s)
    hits = [s.positives.limit(0.0125, upper=u) for u in (False, True)]
    clears = [s.negatives.limit(0.0125, upper=u) for u in (False, True)]
    grid = [
        t * h + (1 - t) * (1 - k)
        for t in np.linspace(0.2, 1, 81)
        for h in np.linspace(*hits, 21)
        for k in np.linspace(*clears, 21)
    ]
    assert found.support == pytest.approx(min(grid))
    grid = [
        t * h + (1 - t) * (1 - k)
        for t in np.linspace(0, 0.2, 21)
        for h in np.linspace(*hits, 21)
        for k in np.linspace(*clears, 21)
    ]
    assert found.doubt == pytest.approx(max(grid))
    assert found.alternative == pytest.approx(0.05 * 0.9 + 0.95 * 0.05)
    # The mirror image: what is below for one score is above for the other.
    mirrored = Study(**(s.model_dump() | {"positives": s.negatives, "negatives": s.positives}))
    assert shown(claim(above=0.8, if_really=0.95), mirrored) == found


@given(
    st.tuples(*[st.integers(1, 60)] * 2), st.tuples(*[st.integers(1, 60)] * 2),
    st.floats(0, 1), st.floats(0, 1),
)  # fmt: skip
def test_true_rates_hold_every_rate_that_some_grader_within_limits_would_show(a, b, x, y):
    s = Study(
        grader="g", source="", sha256="",
        positives=Tally(right=min(a), labels=max(a)), negatives=Tally(right=min(b), labels=max(b)),
    )  # fmt: skip
    low, high = sorted((x, y))
    least, most = true_rates(s, "below", low, high, 0.05)
    assert 0 <= least <= 1 and 0 <= most <= 1
    for h in (s.positives.limit(0.0125, upper=u) for u in (False, True)):
        for k in (s.negatives.limit(0.0125, upper=u) for u in (False, True)):
            for p in (low, high):
                if h + k > 1 + 1e-9 and 0 <= (t := (p + k - 1) / (h + k - 1)) <= 1:
                    assert least - 1e-9 <= t <= most + 1e-9


def test_a_graders_errors_are_covered_as_often_as_promised():
    """False support of a claim at its threshold, over gold samples and trials together."""
    rng = np.random.default_rng(3)
    truth, hit, clear, alpha = 0.2, 0.85, 0.93, 0.2
    wrong = {"supported": 0.0, "refuted": 0.0, "as if gold had no error": 0.0}
    at = truth * hit + (1 - truth) * (1 - clear)
    for _ in range(60):
        s = study(int(rng.binomial(60, hit)), 60, int(rng.binomial(120, clear)), 120)
        rates = shown(claim(below=truth, alpha=alpha), s)
        design = anytime(rates.support, alpha=alpha * SAMPLING, doubt=rates.doubt, at_most=400)
        for verdict in ("supported", "refuted"):
            wrong[verdict] += design.stops(at).probability(verdict) / 60
        plug = truth * s.positives.rate + (1 - truth) * (1 - s.negatives.rate)
        naive = anytime(round(plug, 3), alpha=alpha, at_most=400)
        wrong["as if gold had no error"] += naive.stops(at).probability("supported") / 60
    assert wrong["supported"] < alpha and wrong["refuted"] < alpha, wrong
    assert wrong["as if gold had no error"] > wrong["supported"], wrong


def test_the_study_is_read_counted_and_refused(tmp_path):
    path = gold_file(tmp_path, extra="x1,1,\nx2,,1\ni0,1,1\n")
    found = read_study(path, ["includes", "judge"], None, said="gold.csv")
    assert (found.positives.right, found.positives.labels, found.positives.unparsed) == (90, 100, 1)
    assert (found.negatives.right, found.negatives.labels) == (195, 200)
    # A verdict that was not read is wrong in the lower limit and right in the upper one.
    bare = Tally(right=90, labels=100)
    for upper, sign in ((False, -1), (True, 1)):
        assert sign * found.positives.limit(0.05, upper=upper) > sign * bare.rate
    assert found.positives.limit(0.05, upper=False) < bare.limit(0.05, upper=False)
    for extra, why in (
        ("i0,0,1\n", "item 'i0' has contradictory rows"),
        ("x,maybe,1\n", "row 300: wanted 0, 1 or nothing, got 'maybe'"),
    ):
        with pytest.raises(InputError, match=why):
            read_study(gold_file(tmp_path, extra=extra), ["judge"], None, said="g")
    with pytest.raises(InputError, match="wanted a column x, got item, gold, judge"):
        read_study(gold_file(tmp_path), ["x"], None, said="g")
    with pytest.raises(InputError, match="wanted gold labels of both kinds"):
        read_study(gold_file(tmp_path, pos=(0, 0)), ["judge"], None, said="g")


def test_clusters_of_gold_widen_the_limits_and_one_cluster_says_nothing(tmp_path):
    path = tmp_path / "g.csv"
    rows = [(c, 1, int(c % 4 > 0)) for c in range(12) for _ in range(10)]
    rows += [(c, 0, 0) for c in range(12) for _ in range(10)]
    path.write_text("cluster,gold,judge\n" + "".join(f"c{c},{g},{s}\n" for c, g, s in rows))
    found = read_study(path, ["judge"], None, said="g").positives
    alone = Tally(right=found.right, labels=found.labels)
    assert found.limit(0.05, upper=False) < alone.limit(0.05, upper=False) - 0.1
    assert found.limit(0.05, upper=True) > alone.limit(0.05, upper=True)
    one = Tally(right=9, labels=10, clusters=[(9, 0, 10)])
    assert (one.limit(0.05, upper=False), one.limit(0.05, upper=True)) == (0.0, 1.0)


GOLD = (
    "- {name: a, instrument: task.py@yes, rate: includes, below: 0.40, if_really: 0.10, "
    "grader: judge, gold: gold.csv}"
)


def test_a_claim_about_the_true_rate_is_decided_repeated_and_verified(suite_file, tmp_path):
    gold_file(tmp_path)
    file = suite_file(GOLD, subject="standard/rate-0.05")
    result = assess(file, out=tmp_path / "run")
    one = result.claims[0]
    assert one.verdict == "supported"
    g = one.grading
    assert g.measurand == "true" and g.study.positives.right == 90
    assert g.shown.support < 0.40 < g.shown.doubt
    assert one.estimate.high < 0.40
    value = corrected(g.study, "below", g.graded.value)
    assert one.estimate.value == pytest.approx(value)
    assert one.estimate.high - one.estimate.low > g.graded.high - g.graded.low
    assert "by gold" in one.claim.statement and "corrected for" in one.headline
    assert read_assessment(tmp_path / "run") == result
    (tmp_path / "x.zip").write_bytes(pack(tmp_path / "run"))
    assert verify(tmp_path / "x.zip").verified
    text = html(result)
    assert "Sensitivity" in text and "90 of 100 gold labels" in text.replace("\xa0", " ")


def test_more_doubt_asks_for_more_trials_and_refutes_less(suite_file, tmp_path):
    gold_file(tmp_path)
    refuted = GOLD.replace("below: 0.40, if_really: 0.10", "below: 0.10, if_really: 0.02")
    result = assess(suite_file(refuted, subject="standard/rate-0.40"), out=tmp_path / "run")
    assert result.claims[0].verdict == "refuted"
    # Between the threshold and the doubt nobody can tell.
    near = assess(
        suite_file(refuted.replace("0.02,", "0.02, at_most: 300,"), subject="standard/rate-0.12"),
        out=tmp_path / "near",
    )
    assert near.claims[0].verdict == "undetermined"


@pytest.mark.parametrize(
    ("claims", "gold", "why"),
    [
        (GOLD, {"pos": (40, 100), "neg": (100, 200)}, "wanted a grader better than chance"),
        (GOLD.replace("below: 0.40", "below: 0.12"), {"neg": (8, 10), "pos": (5, 6)},
         "claim 'a': gold: with 16 gold labels only a rate shown below .* could flip it"),
        (GOLD.replace("grader: judge", "grader: nobody"), {}, "wanted a column nobody, got item"),
        (GOLD.replace("gold.csv", "none.csv"), {}, "none.csv: no such file"),
        (GOLD.replace(", gold: gold.csv", ""), {}, "grader: wanted 'gold: LABELS.csv' beside it"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_gold_is_said_before_any_trial(
    suite_file, tmp_path, capsys, claims, gold, why
):
    gold_file(tmp_path, **gold)
    with pytest.raises(SystemExit) as ended:
        main(["assess", str(suite_file(claims)), "--plan"])
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert len(said.err.strip().splitlines()) == 1
    import re

    assert re.search(why, said.err), said.err


def test_a_run_does_not_go_on_with_other_gold(suite_file, tmp_path):
    gold_file(tmp_path)
    file = suite_file(GOLD, head="max_time: 2\nmodel_args: {delay_ms: 500}")
    assess(file, out=tmp_path / "run")
    gold_file(tmp_path, pos=(91, 100))
    with pytest.raises(InputError, match="not those this run began with"):
        assess(file, out=tmp_path / "run")


def card(folder: Path, s: Study | None, **more) -> Path:
    made = Card(
        name="a judge", grader={"kind": "model"}, made="2026-11-22T00:00:00+00:00",
        valid_until_model="m-1", tested_on=["answers"], study=s, errors=[], limits=[],
        findings=["it errs"], calibrant="0", **more,
    )  # fmt: skip
    path = folder / "card.json"
    path.write_text(made.to_json())
    return path


HEAD = "graders: {includes: card.json}"
PLAIN = "- {name: a, instrument: task.py@yes, rate: includes, below: 0.30, if_really: 0.10}"


@pytest.mark.parametrize(
    ("known", "verdict", "why"),
    [
        (study(498, 500, 497, 500), "supported", "reached the boundary"),
        (study(20, 40, 36, 40), "undetermined", "the grader's errors could flip the verdict"),
        (study(20, 40, 19, 40), "undetermined", "no better than chance"),
        (None, "undetermined", "nobody knows how often it errs"),
    ],
)
def test_a_verdict_that_the_graders_errors_could_flip_is_undetermined(
    suite_file, tmp_path, known, verdict, why
):
    card(tmp_path, known)
    result = assess(suite_file(PLAIN, subject="standard/rate-0.05", head=HEAD), out=tmp_path / "r")
    one = result.claims[0]
    assert (one.verdict, result.verdict) == (verdict, verdict)
    assert why in one.reason
    assert one.grading.card.findings == ["it errs"]
    assert (one.grading.lowered_from is None) == (verdict == "supported")
    assert any("m-1" in a for a in one.assumptions)
    (tmp_path / "x.zip").write_bytes(pack(tmp_path / "r"))
    assert verify(tmp_path / "x.zip").verified
    # The facts of the run say what was known of the grader: a pack with another card fails.
    facts = json.loads((tmp_path / "r" / "run.json").read_text())
    assert facts["graders"]["cards"]["includes"]["card"]["name"] == "a judge"


def test_cards_that_do_not_fit_are_refused(suite_file, tmp_path):
    card(tmp_path, study(), valid_until="2020-01-01")
    file = suite_file(PLAIN, head=HEAD)
    with pytest.raises(InputError, match="held until 2020-01-01"):
        assess(file, out=tmp_path / "r")
    card(tmp_path, study(), counts="unsafe")
    with pytest.raises(InputError, match="wanted a card about the verdict 1.*got one about unsafe"):
        assess(file, out=tmp_path / "r")
    (tmp_path / "card.json").write_text('{"name": 1}')
    with pytest.raises(InputError, match=r"graders: includes: .*card.json: not a grader's card"):
        assess(file, out=tmp_path / "r")
    with pytest.raises(InputError, match="graders: wanted scores of the claims"):
        assess(suite_file(PLAIN, head="graders: {other: card.json}"), out=tmp_path / "r")
