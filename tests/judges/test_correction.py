"""`correct`: from a table to rows, what it recommends, and what it refuses to pair."""

import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from calibrant.errors import InputError
from calibrant.judge import correct
from calibrant.judges.correction.certificates import CERTIFICATES
from calibrant.judges.correction.ppi import ppi_mean
from calibrant.stats.certificates import measure_certificate

DATA = Path(__file__).parents[3] / "shared/data/judges"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="shared/data/judges is not here")


def drawn(n=300, labels=120, rate=0.3, se=0.9, sp=0.9, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.random(n) < rate
    f = np.where(y, rng.random(n) < se, rng.random(n) > sp)
    gold = [("yes" if v else "no") if i < labels else None for i, v in enumerate(y)]
    return pl.DataFrame(
        {"item": [f"q{i}" for i in range(n)], "judge": np.where(f, "yes", "no"), "gold": gold,
         "truth": np.where(y, "yes", "no")}
    )  # fmt: skip


def dices():
    crowd = pl.read_csv(DATA / "dices_350_crowdsourced.csv")
    expert = pl.read_csv(DATA / "dices_350_expert.csv").select("id", gold="majority")
    return crowd.join(expert, on="id").sort("id")


@needs_data
def test_dices_with_the_first_hundred_ids_labelled():
    """PPI++ .455 [.361, .550], where all experts say .500 and the crowd's majority .229."""
    found = correct(dices(), judge="majority", gold="gold", labelled="first 100")
    row = found.row("ppi++")
    assert [round(x, 3) for x in (row.value, row.low, row.high)] == [0.455, 0.361, 0.55]
    assert round(found.naive.value, 3) == 0.229
    assert round(float((dices()["gold"] == "Yes").mean()), 3) == 0.5
    assert found.naive.high < 0.5
    best = found.row()
    assert best.low < 0.5 < best.high


@needs_data
def test_dices_from_two_files():
    found = correct(
        DATA / "dices_350_crowdsourced.csv", judge="majority", gold=DATA / "dices_350_expert.csv",
        gold_column="majority", labelled="first 100 by id",
    )  # fmt: skip
    one = correct(dices(), judge="majority", gold="gold", labelled="first 100")
    assert found.recommended == one.recommended
    for a, b in zip(found.corrected, one.corrected, strict=True):
        assert (a.value, a.low, a.high) == pytest.approx((b.value, b.low, b.high))


@needs_data
def test_the_share_of_votes_is_a_better_judge_than_their_majority():
    table = dices().with_columns(
        share=pl.col("ratings").str.count_matches("Y") / pl.col("ratings").str.len_chars()
    )
    share = correct(table, judge="share", gold="gold", labelled="first 100")
    assert share.positive == "Yes"
    assert share.effective_gain > correct(
        table, judge="majority", gold="gold", labelled="first 100"
    ).effective_gain  # fmt: skip


def test_the_rows_are_those_of_the_kernels():
    table = drawn()
    found = correct(table, judge="judge", gold="gold")
    y = (table["gold"][:120] == "yes").to_numpy().astype(float)
    f = (table["judge"] == "yes").to_numpy().astype(float)
    kernel = ppi_mean(y, f[:120], f[120:])
    assert (found.row("ppi++").low, found.row("ppi++").high) == (kernel.low, kernel.high)
    assert found.recommended == "double sampling, score"
    assert found.effective_gain > 1.3
    assert found.identification.fit == "good"
    assert "where the judge alone says" in repr(found)
    assert set(found.to_dict()) >= {"naive", "corrected", "effective_gain", "identification"}
    json.dumps(found.to_dict(), allow_nan=False)


def test_gold_on_all_is_gold_alone():
    found = correct(drawn(labels=300), judge="judge", gold="gold")
    assert found.recommended == "gold only"
    assert "adds nothing" in found.worth


def test_a_judge_that_always_says_the_same_is_gold_alone():
    found = correct(drawn().with_columns(judge=pl.lit("no")), judge="judge", gold="gold")
    assert found.recommended == "gold only"
    assert "always says the same" in found.why
    assert found.row("ppi++").lam == 0


def test_a_useless_judge_is_not_worth_it():
    rng = np.random.default_rng(9)
    table = drawn().with_columns(judge=pl.Series(rng.choice(["yes", "no"], 300)))
    found = correct(table, judge="judge", gold="gold")
    assert found.effective_gain <= 1.05
    assert "not worth it" in found.worth
    assert found.recommended == "gold only"
    assert found.identification.fit == "none"
    assert found.row("rogan-gladen, fieller").segments is not None


def test_few_gold_events_call_for_an_exact_interval():
    found = correct(drawn(n=2000, labels=100, rate=0.03, sp=0.99), judge="judge", gold="gold")
    assert found.recommended in ("exact", "gold only")
    assert found.row().guaranteed
    assert "short" in found.why


def test_limits_outside_the_range_are_said_and_not_cut():
    found = correct(drawn(n=400, labels=60, rate=0.02, sp=0.97, seed=4), judge="judge", gold="gold")
    row = found.row("ppi")
    assert row.low < 0
    assert "outside 0–1" in row.note
    assert row.to_dict()["interval"][0] == row.low


def test_a_category_of_the_judge_without_gold():
    table = drawn()
    odd = pl.int_range(300) >= 280
    table = table.with_columns(judge=pl.when(odd).then(pl.lit("unsure")).otherwise("judge"))
    found = correct(table, judge="judge", gold="gold")
    assert "no gold label" in found.row("double sampling, score").note
    assert found.recommended in ("exact", "gold only")
    assert "may be anything" in found.row("exact").note


def test_verdicts_that_are_missing_widen_the_naive_rate_and_are_a_kind_of_their_own():
    table = drawn().with_columns(
        judge=pl.when(pl.int_range(300) % 20 == 0).then(None).otherwise("judge")
    )
    found = correct(table, judge="judge", gold="gold")
    assert found.naive.missing == 15
    assert found.naive.least < found.naive.value < found.naive.most
    assert any("no verdict" in n for n in found.notes)
    assert not math.isnan(found.row("exact").low)


def test_lost_labels_are_bounded():
    table = drawn().with_columns(
        marked=pl.when(pl.int_range(300) < 120).then(pl.lit("yes")).otherwise(pl.lit("no")),
        gold=pl.when(pl.int_range(300) % 30 == 0).then(None).otherwise("gold"),
    )
    found = correct(table, judge="judge", gold="gold", labelled="marked")
    assert found.missing.items == 4
    assert found.missing.low < found.row().low
    assert found.missing.high > found.row().high


def test_labels_that_are_hidden_are_not_used():
    full = correct(drawn(), judge="judge", gold="truth", labelled="first 120")
    part = correct(drawn(), judge="judge", gold="gold")
    assert full.to_dict() == part.to_dict()


def test_numbers():
    rng = np.random.default_rng(0)
    y = rng.beta(2, 5, 200)
    table = pl.DataFrame({"gold": [*y[:60], *[None] * 140], "judge": np.clip(y + 0.1, 0, 1)})
    found = correct(table, judge="judge", gold="gold")
    assert found.positive is None
    assert found.identification is None
    assert found.recommended == "ppi++ cross-fitted"
    assert found.row().low < 2 / 7 < found.row().high
    few = correct(table, judge="judge", gold="gold", labelled="first 20")
    assert few.recommended == "bounded"


def test_gold_of_zero_and_one_beside_numbers_of_a_judge_is_a_rate():
    table = drawn().with_columns(
        gold=pl.col("gold").replace_strict({"yes": 1, "no": 0}),
        judge=pl.when(pl.col("judge") == "yes").then(0.81).otherwise(0.17),
    )
    found = correct(table, judge="judge", gold="gold")
    assert found.positive == "1"
    assert found.recommended == "ppi++ cross-fitted"


def test_recurring_items_are_clusters():
    table = pl.concat([drawn(), drawn()])
    found = correct(table, judge="judge", gold="gold")
    assert any("taken as the cluster" in n for n in found.notes)
    alone = correct(drawn(), judge="judge", gold="gold")
    # Every item twice says no more than once.
    assert found.row("ppi++ clustered").standard_error > 0.9 * alone.row("ppi++").standard_error


def test_strata_by_verdict():
    rng = np.random.default_rng(9)
    table = drawn(n=1000, labels=1000)
    keep = (table["judge"] == "yes").to_numpy() | (rng.random(1000) < 0.1)
    table = table.with_columns(gold=pl.when(pl.Series(keep)).then("truth").otherwise(None))
    found = correct(table, judge="judge", gold="gold", strata="judge")
    truth = float((table["truth"] == "yes").mean())
    assert found.row("exact").low < truth < found.row("exact").high
    assert found.row("ppi++ stratified").low < truth < found.row("ppi++ stratified").high
    assert "positive predictive value" in found.identification.intervals
    assert all(r.method != "ppi" for r in found.corrected)


def test_labels_that_do_not_look_random_are_said():
    table = drawn(n=1000, labels=1000)
    flagged = (table["judge"] == "yes").to_numpy()
    keep = flagged | (np.arange(1000) % 10 == 0)
    table = table.with_columns(gold=pl.when(pl.Series(keep)).then("truth").otherwise(None))
    found = correct(table, judge="judge", gold="gold")
    assert any("random sample?" in n for n in found.notes)
    assert not correct(drawn(), judge="judge", gold="gold").notes
    assert not correct(table, judge="judge", gold="gold", strata="judge").notes


def test_unequal_chances():
    rng = np.random.default_rng(9)
    table = drawn(n=2000, labels=2000)
    chance = np.where(table["judge"] == "yes", 0.3, 0.05)
    table = table.with_columns(
        gold=pl.when(pl.Series(rng.random(2000) < chance)).then("truth").otherwise(None),
        chance=pl.Series(chance),
    )
    found = correct(table, judge="judge", gold="gold", probability="chance")
    assert found.recommended in ("ppi++ weighted", "gold only")
    assert found.row().low < float((table["truth"] == "yes").mean()) < found.row().high


def test_one_side():
    upper = correct(drawn(), judge="judge", gold="gold", side="upper")
    assert upper.row("ppi++").low == -math.inf
    assert upper.row("exact").low == 0
    assert upper.row("rare bound").high > upper.row("exact").value
    assert upper.to_dict()["corrected"][1]["interval"][0] is None


def test_only_some_methods():
    found = correct(drawn(), judge="judge", gold="gold", methods=["ppi++", "exact"])
    assert [r.method for r in found.corrected] == ["ppi++", "exact"]
    with pytest.raises(InputError, match="methods: wanted some of"):
        correct(drawn(), judge="judge", gold="gold", methods=["best"])


def test_figure():
    figure = correct(drawn(), judge="judge", gold="gold").plot()
    assert "<svg" in figure.svg()
    assert "double sampling, score" in figure.svg()


REFUSED = [
    ({"judge": "verdict"}, "judge: no column 'verdict'"),
    ({"gold": "truths"}, "gold: no column 'truths'"),
    ({"positive": "Y"}, "positive: no label is 'Y'; there are no, yes"),
    ({"labelled": "first 0"}, "wanted 1–300 items, got 0"),
    ({"labelled": "first 10 by rank"}, "no column 'rank'"),
    ({"labelled": "judge2"}, "no column 'judge2'"),
    ({"labelled": "item"}, "labelled: wanted yes or no in 'item', got 'q0'"),
    ({"cluster": "site"}, "cluster: no column 'site'"),
    ({"probability": "item"}, "probability: wanted numbers"),
    ({"strata": "judge", "cluster": "item"}, "strata: cannot be given together"),
    ({"level": 1.0}, "level"),
    ({"side": "both"}, "side"),
    ({"item": "name"}, "item: no column 'name'"),
]


@pytest.mark.parametrize(("options", "said"), REFUSED)
def test_options_that_do_not_fit_are_refused(options, said):
    with pytest.raises(InputError, match=said):
        correct(drawn(), **({"judge": "judge", "gold": "gold"} | options))


def test_gold_of_other_items_is_refused():
    other = pl.DataFrame({"item": ["q1", "x1", "x2"], "gold": ["yes", "no", "no"]})
    with pytest.raises(InputError, match="2 of 3 labelled items are not among the 300 judged"):
        correct(drawn(), judge="judge", gold=other)


def test_gold_that_contradicts_itself_is_refused():
    other = pl.DataFrame({"item": ["q1", "q2", "q1"], "gold": ["yes", "no", "no"]})
    with pytest.raises(InputError, match="item 'q1' has two labels, 'yes' and 'no'"):
        correct(drawn(), judge="judge", gold=other)


def test_gold_without_a_clear_column_is_refused():
    other = pl.DataFrame({"item": ["q1"], "a": ["yes"], "b": ["no"]})
    with pytest.raises(InputError, match="which column holds the labels: a, b"):
        correct(drawn(), judge="judge", gold=other)
    with pytest.raises(InputError, match="no column 'item'"):
        correct(drawn().drop("item"), judge="judge", gold=other)


def test_no_gold_and_no_verdict_and_no_rows_are_refused():
    table = drawn()
    with pytest.raises(InputError, match="has no label"):
        correct(drawn(labels=0).cast({"gold": pl.String}), judge="judge", gold="gold")
    with pytest.raises(InputError, match="no verdict"):
        correct(table.with_columns(judge=pl.lit(None, pl.String)), judge="judge", gold="gold")
    with pytest.raises(InputError, match="no rows"):
        correct(table.head(0), judge="judge", gold="gold")


def test_two_vocabularies_are_refused():
    table = drawn().with_columns(judge=pl.col("judge").replace({"yes": "Y", "no": "N"}))
    with pytest.raises(InputError, match="have none in common"):
        correct(table, judge="judge", gold="gold")


def test_text_without_a_positive_label_is_refused():
    table = drawn().with_columns(
        pl.col("judge", "gold").replace({"yes": "unsafe", "no": "safe"})
    )  # fmt: skip
    with pytest.raises(InputError, match="say which label is counted"):
        correct(table, judge="judge", gold="gold")
    assert correct(table, judge="judge", gold="gold", positive="unsafe").positive == "unsafe"


@pytest.mark.parametrize("certificate", CERTIFICATES, ids=lambda c: c.name)
def test_certificates_hold_in_short(certificate):
    from dataclasses import replace

    short = replace(certificate, regimes=certificate.regimes[:1], beyond=(), batch_draws=25)
    for measured in measure_certificate(short, draws=25, seed=3):
        assert not measured.broken
        assert len(certificate.peers) >= 2


def test_small_tables_of_every_shape_give_an_answer_or_one_line():
    """No warning, no NaN in the JSON, whatever is missing, constant, or few."""
    rng = np.random.default_rng(5)
    options = [{}, {"cluster": "c"}, {"strata": "judge"}, {"probability": "p"}, {"side": "upper"},
               {"strata": "c"}]  # fmt: skip
    answered = 0
    for i in range(60):
        n, p = int(rng.integers(1, 40)), rng.random()
        k = int(rng.integers(1, n + 1))
        y = rng.choice(["Y", "N"], n, p=[p, 1 - p])
        f = np.where(rng.random(n) < 0.8, y, rng.choice(["Y", "N", "U"], n))
        table = pl.DataFrame(
            {"judge": [None if rng.random() < 0.05 else s for s in f.tolist()],
             "gold": [v if j < k else None for j, v in enumerate(y.tolist())],
             "c": rng.integers(0, 5, n), "p": np.full(n, 0.3)},
            schema_overrides={"judge": pl.String, "gold": pl.String},
        )  # fmt: skip
        try:
            found = correct(table, judge="judge", gold="gold", positive="Y", **options[i % 6])
        except InputError as e:
            assert "\n" not in str(e)
            continue
        answered += 1
        json.dumps(found.to_dict(), allow_nan=False)
        assert not math.isnan(found.row().low)
        assert "nan" not in repr(found)
    assert answered > 30
