"""The verb and the command: gold, inversions, what goes wrong, and what is shown."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from calibrant import judge
from calibrant.cli import main
from calibrant.errors import InputError
from calibrant.judges.labels import as_labels
from calibrant.stats.estimates.clusters import Clusters, korn_graubard
from calibrant.stats.estimates.rates import bounds

DATA = Path(__file__).parents[3] / "shared/data/judges"
PEOPLE = ["annotator1", "annotator2", "annotator3"]
JUDGES = ["gpt_result", "pandalm_result"]


def needs(*names):
    for name in names:
        if not (DATA / name).exists():
            pytest.skip(f"{name} is not here")
    return [DATA / name for name in names]


def pandalm():
    return pl.read_csv(needs("pandalm_testset_labels.csv")[0], infer_schema_length=0)


def call(*args):
    with pytest.raises(SystemExit) as caught:
        main(list(map(str, args)))
    return caught.value.code or 0


def agree(source, **options):
    return judge.agree(source, **{"bootstrap": 0, **options})


def panel(rng, right, items=120, share=0.5):
    """A wide table: the truth, and graders who are right so often."""
    truth = (rng.random(items) < share).astype(int)
    table = {"truth": truth.tolist()}
    for i, r in enumerate(right):
        table[f"g{i}"] = np.where(rng.random(items) < r, truth, 1 - truth).tolist()
    return table


# Gold.


def test_dices_350_the_crowd_sees_half_of_what_experts_hold_unsafe():
    crowd, expert = needs("dices_350_crowdsourced.csv", "dices_350_expert.csv")
    experts = pl.read_csv(expert).select("id", expert="ratings")
    table = pl.read_csv(crowd).join(experts, on="id").with_columns(
        crowd=pl.col("majority").str.slice(0, 1)
    )  # fmt: skip
    found = agree(table, graders=["crowd"], gold="expert", item="id").against[0]
    unsafe = found.categories[1]
    assert unsafe.name == "Y"
    assert unsafe.grader_rate.value == pytest.approx(0.229, abs=5e-4)
    assert unsafe.gold_rate.value == 0.5 and unsafe.sensitivity.events == 67
    assert unsafe.sensitivity.interval == pytest.approx(tuple(map(float, bounds(67, 175))))
    # By votes the two tied items are left out, and said.
    votes = agree(table, votes="ratings", gold="expert")
    assert votes.against[0].items == 348 and votes.gold_ties == 2
    assert any("2 items have a tied majority" in n for n in votes.notes)
    unsure = next(c for c in votes.against[0].categories if c.name == "U")
    assert repr(unsure.sensitivity) == "no gold labels in category 'U'"
    assert unsure.sensitivity.value is None and unsure.sensitivity.interval is None


def test_rates_against_gold_are_counted_as_by_hand():
    table = {"g": list("aabbc"), "h": [*"aabb", None], "t": list("abbba")}
    found = agree(table, graders=["g", "h"], gold="t", categories=list("abc"))
    g, h = found.against
    assert g.confusion == ((1, 0, 1), (1, 2, 0), (0, 0, 0)) and h.items == 4
    a, b, c = g.categories
    assert (a.sensitivity.events, a.sensitivity.n) == (1, 2)
    assert (a.specificity.events, a.specificity.n) == (2, 3)
    assert (b.positive.events, b.positive.n) == (2, 2)
    assert (b.negative.events, b.negative.n) == (2, 3)
    assert c.sensitivity.why == "no gold labels in category 'c'" and c.gold_rate.value == 0
    assert found.graders == ("g", "h") and found.gold == "t"
    lone = agree(table, graders=["g"], gold="t")
    assert lone.coefficients == () and len(lone.pairs) == 1


def test_gold_may_be_a_majority():
    found = agree(pandalm(), graders=PEOPLE + JUDGES, unparsed=["garbage", "Tie"], item="idx",
                  gold=PEOPLE)  # fmt: skip
    assert [a.grader for a in found.against] == JUDGES and found.gold == "majority of 3 graders"
    gpt = found.against[0]
    assert gpt.unparsed == 63 and gpt.items == 936 and gpt.accuracy.events == 692
    assert (gpt.worst, gpt.best) == pytest.approx((692 / 999, 755 / 999))
    each = agree(pandalm(), graders=PEOPLE, item="idx", gold="majority")
    assert len(each.against) == 3 and each.gold_ties > 0
    # Not judged by a majority of which they are part.
    labels = as_labels(pandalm(), graders=PEOPLE, item="idx")
    others, _ = labels.pick(PEOPLE[1:]).majority()
    mine = labels.of("annotator1")
    assert each.against[0].accuracy.events == int((others == mine)[others >= 0].sum())


def test_clusters_widen_what_hangs_together():
    rng = np.random.default_rng(3)
    truth = np.repeat(rng.integers(0, 2, 30), 6)
    wrong = np.repeat(rng.random(30) < 0.2, 6)
    table = {"t": truth, "g": np.where(wrong, 1 - truth, truth), "f": np.repeat(np.arange(30), 6)}
    alone = agree(table, graders=["g"], gold="t")
    grouped = agree(table, graders=["g"], gold="t", cluster="f")
    one, two = alone.against[0].accuracy.interval, grouped.against[0].accuracy.interval
    right = (table["g"] == truth).astype(int)
    by_hand = korn_graubard(Clusters.of(right, table["f"]))
    assert two == pytest.approx((by_hand.low, by_hand.high))
    assert two[1] - two[0] > 1.5 * (one[1] - one[0])
    narrow, wide = alone.pairs[0].kappa.interval, grouped.pairs[0].kappa.interval
    assert wide[1] - wide[0] > 1.5 * (narrow[1] - narrow[0]) and grouped.clusters == 30


# Inversions.


def swapped(column):
    return pl.col(column).replace({"1": "2", "2": "1"})


def test_the_odd_grader_is_named_and_so_is_odd_gold():
    table = pandalm().with_columns(bad=swapped("annotator2"))
    [one] = agree(table, graders=["annotator1", "bad", "annotator3"], item="idx").inversions
    assert one.odd == ("bad",) and one.categories == ("1", "2") and one.p < 1e-6
    [gold] = agree(table, graders=["annotator1", "annotator3"], gold="bad", item="idx").inversions
    assert gold.odd == ("bad",) and gold.text.startswith("the gold column 'bad' probably")
    [two] = agree(table, graders=["annotator1", "bad"], item="idx").inversions
    assert two.odd == () and "cannot be told" in two.text
    assert not agree(table, graders=PEOPLE, item="idx").inversions


def test_two_of_five_turned_round_are_both_named():
    table = panel(np.random.default_rng(0), [0.9, 0.1, 0.9, 0.1, 0.9])
    [found] = agree(table, graders=[f"g{i}" for i in range(5)]).inversions
    assert found.odd == ("g1", "g3") and found.categories is None
    judged = agree({k: v for k, v in table.items() if k != "g4"}, graders=["g0", "g1"],
                   gold="truth").inversions  # fmt: skip
    assert [i.odd for i in judged] == [("g1",)]


def test_a_weak_grader_is_named_for_contradicting_all_though_no_pair_shows_it():
    rng = np.random.default_rng(8)
    right = [0.7, 0.7, 0.7, 0.7, 0.25, 0.7, 0.7]
    names = [f"g{i}" for i in range(7)]
    named = []
    for _ in range(20):
        found = agree(panel(rng, right, items=90), graders=names)
        named += [i.odd for i in found.inversions]
    assert named.count(("g4",)) >= 10 and all(n in (("g4",), ()) for n in named)


def test_a_scale_turned_round_is_said_once():
    rng = np.random.default_rng(1)
    truth = rng.integers(1, 6, 300)
    near = np.clip(truth + rng.integers(-1, 2, 300), 1, 5)
    table = {"a": truth, "b": near, "c": 6 - truth}
    found = agree(table, graders=list("abc"), scale="ordinal")
    assert [i.odd for i in found.inversions] == [("c",)] and found.inversions[0].categories is None


# What goes wrong.


def test_one_category_is_undefined_and_never_one_or_nan():
    found = judge.agree({"a": ["x"] * 9, "b": ["x"] * 9}, graders=["a", "b"])
    rate, *rest = found.coefficients
    assert rate.value == 1 and rate.interval == pytest.approx((0.025 ** (1 / 9), 1.0))
    for c in (*rest, found.pairs[0].kappa):
        assert c.value is None and c.undefined == "undefined: all labels are one category"
    same = agree({"a": ["x"] * 9, "b": ["x"] * 9}, graders=["a", "b"], categories=["x", "y"])
    assert all(c.value is None for c in same.coefficients[1:])
    assert "always says 'x'" in " ".join(found.notes)
    assert "nan" not in json.dumps(found.to_dict()).lower()


def test_perfect_agreement_has_an_interval_with_width():
    found = agree({"a": [0, 1] * 10, "b": [0, 1] * 10}, graders=["a", "b"])
    for c in found.coefficients:
        assert c.value == 1 and c.interval[1] == 1 and 0.4 < c.interval[0] < 0.9
        assert c.standard_error is None
    boot = judge.agree({"a": [0, 1] * 10, "b": [0, 1] * 10}, graders=["a", "b"])
    assert all(c.bootstrap is None and "no bootstrap interval" in c.note for c in boot.coefficients)


def test_labels_that_say_nothing_of_agreement_are_counted():
    rows = [("a", "x", 1), ("a", "y", 0), ("b", "x", 1), ("b", "y", 1), ("c", "x", 1),
            ("d", "z", 0), ("e", "x", 0), ("e", "y", 0)]  # fmt: skip
    items, graders, labels = zip(*rows, strict=True)
    found = agree({"item": items, "grader": graders, "label": labels})
    assert found.single == 2 and found["alpha"].items == 3 and found["alpha"].labels == 6
    assert "2 items have one label and say nothing of agreement" in found.notes
    assert "'z' labelled one item only" in found.notes
    with pytest.raises(InputError, match="no item has labels of two graders"):
        agree({"item": ["a", "b"], "grader": ["x", "y"], "label": [1, 0]})


def test_verdicts_that_cannot_be_read_bound_the_agreement():
    table = {"a": ["1", "0", "1", "0"], "b": ["1", "0", "I cannot judge", "1"]}
    found = agree(table, graders=["a", "b"], categories=[0, 1])
    assert found.unread.n == 1 and found.unread.graders == (("b", 1),)
    assert (found.unread.worst, found.unread.best) == (0.5, 0.75)


def test_a_category_only_one_grader_uses_is_noted():
    found = agree(pandalm(), graders=["annotator1", "gpt_result"], item="idx", unparsed=["garbage"])
    assert "only 'gpt_result' says 'Tie' (38 times)" in found.notes


def test_a_crowd_is_not_paired():
    rng = np.random.default_rng(0)
    table = {f"g{i}": rng.integers(0, 2, 30) for i in range(70)}
    found = agree(table, graders=list(table))
    assert not found.pairs and "70 graders: pairs of graders are not compared one by one" in (
        found.notes
    )


def test_in_a_crowd_who_contradicts_all_others_is_named_all_the_same():
    rng = np.random.default_rng(5)
    table = panel(rng, [*[0.8] * 64, 0.2], items=80)
    names = [n for n in table if n != "truth"]
    [found] = agree(table, graders=names).inversions
    assert found.odd == ("g64",) and "below chance with the rest" in found.text
    table["truth"] = [1 - t for t in table["truth"]]
    gold = agree(table, graders=names[:64], gold="truth")
    assert [i.odd for i in gold.inversions] == [("truth",)] and len(gold.against) == 64
    useless = panel(rng, [0.5] * 65, items=80)
    assert not agree(useless, graders=names).inversions


def test_votes_that_cannot_be_read_are_counted_without_names():
    found = agree({"v": ["YNU", "YYY", "NUN"]}, votes="v", categories=["N", "Y"])
    assert found.unread.n == 2 and found.unread.graders == ()
    assert (found.unread.worst, found.unread.best) == pytest.approx(
        ((1 / 3 + 1 + 1 / 3) / 3, (1 / 3 + 1 + 1) / 3)
    )


def test_trials_are_read_from_a_file(tmp_path, capsys):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 40)
    rows = [
        {"item": f"i{i}", "subject": "s", "epoch": 1, "grader": g,
         "score": float(truth[i] if rng.random() < 0.9 else 1 - truth[i])}
        for i in range(40) for g in ("rule", "judge")
    ]  # fmt: skip
    path = tmp_path / "trials.parquet"
    pl.DataFrame(rows).write_parquet(path)
    assert call("judge", "agree", path, "--gold", "rule", "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert data["gold"] == "rule" and data["against"][0]["grader"] == "judge"
    assert data["categories"] == ["0", "1"] and data["against"][0]["items"] == 40


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"scale": "likert"}, "scale: wanted one of"),
        ({"scale": "interval"}, "needs numbers, got the label 'x'"),
        ({"scale": "ordinal"}, "needs the categories in their order"),
        ({"weights": "linear"}, "needs an order"),
        ({"level": 1}, "level: wanted strictly between"),
        ({"bootstrap": 5}, "bootstrap: wanted 0 or at least 100"),
        ({"gold": "c"}, "wanted a grader or a column, got 'c'"),
        ({"gold": ["a", "b"]}, "a grader beside gold"),
        ({"gold": []}, "gold: wanted names of graders"),
    ],
)
def test_wrong_options_are_refused(options, said):
    with pytest.raises(InputError) as caught:
        agree({"a": list("xxy"), "b": list("xyy")}, graders=["a", "b"], **options)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_ratio_refuses_negative_numbers_and_votes_a_majority():
    with pytest.raises(InputError, match="ratio needs numbers of 0 or more, got -1"):
        agree({"a": [1, -1, 2], "b": [1, 2, 2]}, graders=["a", "b"], scale="ratio")
    with pytest.raises(InputError, match="with votes, wanted a column"):
        agree({"v": ["YN", "YY"]}, votes="v", gold="majority")
    many = {"a": np.arange(200.0), "b": np.arange(200.0)}
    with pytest.raises(InputError, match="nominal with 200 categories"):
        agree(many, graders=["a", "b"])
    found = agree(many, graders=["a", "b"], scale="interval")
    assert [c.name for c in found.coefficients] == ["agreement", "Krippendorff's alpha"]


# What is shown.


def test_the_bootstrap_is_repeatable_and_agrees_with_the_interval():
    table = pandalm()
    one = judge.agree(table, graders=PEOPLE, item="idx", seed=4, bootstrap=500)
    two = judge.agree(table, graders=PEOPLE, item="idx", seed=4, bootstrap=500)
    assert one == two
    for c in one.coefficients:
        assert c.bootstrap == pytest.approx(c.interval, abs=0.008)


def test_a_result_describes_itself():
    table = pandalm().with_columns(bad=swapped("annotator2"))
    found = judge.agree(table, graders=["annotator1", "bad", "annotator3"], item="idx")
    assert repr(found).startswith("2,997 labels of 999 items: Krippendorff's alpha -0.007")
    assert "'bad' probably has '1' and '2' the wrong way round" in repr(found)
    assert found["AC1"].name == "Gwet's AC1"
    with pytest.raises(KeyError):
        found["omega"]
    page = found._repr_html_()
    assert "<table>" in page and "annotator1, bad" in page
    assert json.loads(json.dumps(found.to_dict()))["inversions"][0]["odd"] == ["bad"]


def test_figures(tmp_path):
    found = agree(pandalm(), graders=PEOPLE + JUDGES, item="idx", unparsed=["garbage"], gold=PEOPLE)
    assert found.plot().save(tmp_path / "f.svg").read_text().startswith("<svg")
    assert "gpt_result" in found.plot("confusion").svg()
    with pytest.raises(InputError, match="no grader was compared with gold"):
        agree(pandalm(), graders=PEOPLE, item="idx").plot("confusion")
    none = agree({"a": ["x"] * 9, "b": ["x"] * 9}, graders=["a", "b"])
    with pytest.raises(InputError, match="nothing to draw"):
        none.plot()


def test_the_command_prints_one_document_or_tables(tmp_path, capsys):
    path = needs("pandalm_testset_labels.csv")[0]
    options = ["--graders", ",".join(PEOPLE + JUDGES), "--item", "idx", "--bootstrap", "200",
               "--categories", "0,1,2", "--gold", ",".join(PEOPLE)]  # fmt: skip
    assert call("judge", "agree", path, *options, "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert data.keys() >= {"coefficients", "pairs", "against", "inversions", "unread", "notes"}
    assert data["pairs"][0]["kappa"]["value"] == pytest.approx(0.852, abs=5e-4)
    assert call("judge", "agree", path, *options, "--figure", tmp_path / "f.svg",
                "--confusion", tmp_path / "c.svg") == 0  # fmt: skip
    out = capsys.readouterr().out
    for text in ("annotator1, annotator2", "0.852", "0.820 to 0.881", "Gwet's AC1",
                 "63 verdicts could not be read", "gpt_result against gold"):  # fmt: skip
        assert text in out
    assert (tmp_path / "f.svg").exists() and (tmp_path / "c.svg").exists()
    assert call("judge", "agree", needs("dices_990.csv")[0], "--votes", "ratings") == 0
    assert "0.143" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("a,b\nx,y\n", ["--graders", "a,c"], "no column 'c'"),
        ("a,b\nx,y\n", [], "no column 'item'"),
        ("item,grader,label\n1,g,a\n1,g,b\n", [], "said both 'a' and 'b' of item '1'"),
        ("", [], "the file is empty"),
        ("item,grader,label\n1,g,a\n2,h,b\n", [], "no item has labels of two graders"),
        ("v\nYY\n", ["--votes", "v", "--scale", "interval"], "needs numbers"),
    ],
)
def test_bad_input_ends_in_one_line(tmp_path, capsys, text, options, said):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    assert call("judge", "agree", path, *options) == 2
    err = capsys.readouterr().err
    assert said in err and "Traceback" not in err and err.count("\n") == 1


def test_hostile_names_do_not_reach_the_terminal_or_a_page(tmp_path, capsys):
    path = tmp_path / "labels.csv"
    evil = '"\x1b[2J<script>"'
    rows = [f"{i},{g},{evil if i % 2 else 'b'}" for i in range(20) for g in (evil, "h")]
    path.write_text("\n".join(["item,grader,label", *rows]) + "\n")
    assert call("judge", "agree", path, "--gold", "h") == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and "\\x1b" in out
    assert call("judge", "agree", path, "--json", "--bootstrap", "0") == 0
    assert "\x1b" not in capsys.readouterr().out
    page = agree(path, gold="h")._repr_html_()
    assert "<script>" not in page and "\x1b" not in page
    assert "\x1b" not in agree(path).plot().svg() and "<script>" not in agree(path).plot().svg()
