"""The verb: what is said of each subject, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import calibrant
from calibrant._text import dumps
from calibrant.errors import InputError
from calibrant.ratings.anchors import anchoring
from calibrant.ratings.certificates import CERTIFICATES
from calibrant.ratings.figures import forest, heat
from calibrant.ratings.fit import RatingError
from calibrant.ratings.rate import rate
from calibrant.ratings.result import ELO, RELATIVE
from calibrant.stats.certificates import measure_certificate

from .conftest import draw


def votes(rows=3000, size=6, seed=0, **more):
    rng = np.random.default_rng(seed)
    s = np.linspace(0.9, -0.9, size)
    left, right, outcome = draw(rng, s, rows, **more)
    names = np.array([f"m{i}" for i in range(size)])
    words = np.array(["left", "right", "tie"])
    columns = {"left": names[left], "right": names[right], "winner": words[outcome]}
    return s, pl.DataFrame(columns | {"item": rng.integers(0, 60, rows)})


def pairs(*rows):
    return pl.DataFrame(rows, schema=["left", "right", "winner"], orient="row")


def test_a_rating_says_all_of_a_subject():
    s, table = votes(order=0.3)
    got = rate(table, order_effect=True, cluster="item")
    assert got.model == "davidson" and "clustered by item" in got.uncertainty
    for k, r in enumerate(got.ratings):
        assert r.subject == f"m{k}" and r.rank == k + 1
        assert abs(r.log_strength - s[k]) < 4 * r.standard_error
        assert r.interval[0] < r.log_strength < r.interval[1]
        assert r.elo == pytest.approx(1500 + ELO * r.log_strength)
        assert r.rank_interval[0] <= r.rank <= r.rank_interval[1]
        assert r.wins + r.losses + r.ties == r.comparisons
    assert got.order_effect["interval"][0] < 0.3 < got.order_effect["interval"][1]
    assert got.ties["interval"][0] < 0.6 < got.ties["interval"][1]
    assert got.convergence["gradient"] < 1e-6 and got.existence.exists
    assert sum(r.best for r in got.ratings) == pytest.approx(1)
    assert got["m0"] is got.ratings[0] and RELATIVE in got.notes
    data = json.loads(dumps(got.to_dict()))
    assert data["audit"] is None and data["existence"]["handled"] == "exists"
    assert "relative, not absolute" in repr(got)


def test_sharing_items_is_said_when_it_is_not_allowed_for():
    _, table = votes()
    assert any("share item" in n for n in rate(table).notes)
    assert not any("share item" in n for n in rate(table, cluster="item").notes)
    assert any("half a win" in n for n in rate(table, model="bt").notes)


def test_a_baseline_stands_at_1500_without_error():
    _, table = votes()
    got = rate(table, baseline="m3")
    base = got["m3"]
    assert base.elo == 1500 and base.standard_error == 0
    plain = rate(table)
    assert got["m0"].log_strength == pytest.approx(
        plain["m0"].log_strength - plain["m3"].log_strength
    )
    assert got["m0"].standard_error > plain["m0"].standard_error
    with pytest.raises(InputError, match="no subject 'zz'"):
        rate(table, baseline="zz")


def test_bootstrap_intervals_are_near_the_sandwich():
    _, table = votes()
    a, b = rate(table), rate(table, bootstrap=200, seed=1)
    assert b.uncertainty == "bootstrap, 200 rounds"
    for x, y in zip(a.ratings, b.ratings, strict=True):
        assert y.standard_error == pytest.approx(x.standard_error, rel=0.25)


def test_undefeated_subjects_are_the_users_choice():
    _, table = votes(rows=600, size=4)
    table = pl.concat([table.drop("item"), pairs(("top", "m0", "left"), ("m1", "low", "left"))])
    with pytest.raises(RatingError, match="undefeated: 'top'; winless: 'low'; rate the pools"):
        rate(table)
    pools = rate(table, nonexistent="pools")
    assert [r.subject for r in pools.ratings][-2:] == ["top", "low"]
    assert "undefeated" in pools["top"].reason and pools["top"].log_strength is None
    assert pools["m0"].log_strength is not None and pools.handled == "pools"
    prior = rate(table, prior=1.0)
    assert prior.handled == "prior" and prior["top"].rank is not None
    assert any("only by the stated prior" in n for n in prior.notes)
    assert prior["top"].standard_error > 3 * prior["m0"].standard_error


def test_pools_are_rated_apart():
    _, one = votes(rows=500, size=3)
    two = one.with_columns(pl.col("left", "right").str.replace("m", "n"))
    both = pl.concat([one, two])
    with pytest.raises(RatingError, match="2 pools were never compared"):
        rate(both)
    got = rate(both, nonexistent="pools")
    assert {r.pool for r in got.ratings} == {0, 1} and len(got.pools) == 2
    assert [r.rank for r in got.ratings] == [1, 2, 3, 1, 2, 3]
    assert any("cannot be compared with each other" in n for n in got.notes)
    assert got["m0"].log_strength == pytest.approx(got["n0"].log_strength)


@pytest.mark.parametrize(
    ("table", "options", "said"),
    [
        (pairs(("a", "b", "tie"), ("b", "a", "tie")), {}, "all 2 are ties"),
        (pairs(("a", "b", "left"), ("b", "a", "left")), {"model": "davidson"}, "some ties"),
        (pairs(("a", "b", "left"), ("b", "a", "left")), {"level": 1.5}, "level"),
        (pairs(("a", "b", "left"), ("b", "a", "left")), {"model": "best"}, "model: wanted one of"),
        (pairs(("a", "b", "left"), ("b", "a", "left")), {"prior": 0.0}, "prior"),
        (pairs(("a", "a", "left")), {}, "against itself"),
        (pairs(("a", "b", "left"), ("b", "a", "left")), {"cluster": "page"}, "no column 'page'"),
        (pairs(("a", "b", "left"), ("b", "a", "left")), {"columns": {"x": "left"}}, "column"),
        (pairs(("a", "b", "left"), ("b", "a", "left")), {"model": "elo", "prior": 1.0}, "prior"),
    ],
)
def test_what_cannot_be_rated_is_refused(table, options, said):
    with pytest.raises((InputError, RatingError), match=said):
        rate(table, **options)


def test_without_ties_auto_is_bradley_terry():
    _, table = votes(nu=0.0)
    assert rate(table).model == "bt"


def test_models_that_are_scores_say_what_they_lack():
    _, table = votes(rows=800)
    elo = rate(table, model="elo")
    assert elo.ratings[0].score > elo.ratings[-1].score
    assert any("order of the rows" in n for n in elo.notes)
    online = rate(table, model="online")
    assert online["m0"].score > 25 > online["m5"].score
    share = rate(table, model="win-rate", cluster="item")
    assert 0.5 < share["m0"].score_interval[0] < share["m0"].score
    against = rate(table, model="win-rate", baseline="m5")
    assert against["m0"].score > share["m0"].score
    with pytest.raises(InputError, match="covariates: elo has none"):
        rate(table, model="elo", covariates=["x"])


def test_rankings_are_rated_too():
    rng = np.random.default_rng(0)
    rows = [
        {"ranking": n, "subject": "abcd"[k], "rank": place}
        for n in range(300)
        for place, k in enumerate(np.argsort(-(np.arange(4) * 0.7 + rng.gumbel(size=4))))
    ]
    table = pl.DataFrame(rows)
    got = rate(table, model="plackett-luce", baseline="a")
    assert [r.subject for r in got.ratings] == ["d", "c", "b", "a"]
    assert got["d"].log_strength == pytest.approx(2.1, abs=4 * got["d"].standard_error)
    for bad, said in (
        (table.with_columns(rank=pl.lit(1)), "equal ranks"),
        (table.drop("rank"), "no column 'rank'"),
        (table.head(1), "ranks only one"),
    ):
        with pytest.raises(InputError, match=said):
            rate(bad, model="plackett-luce")


def test_gold_outcomes_correct_an_erring_judge():
    rng = np.random.default_rng(1)
    s, table = votes(rows=9000)
    gold = table["winner"].to_numpy()
    wrong = rng.random(gold.size) < 0.3
    verdict = np.where(wrong, rng.choice(["left", "right", "tie"], gold.size), gold)
    shown = np.where(np.arange(gold.size) < 1200, gold, None)
    table = table.with_columns(winner=pl.Series(verdict), truth=pl.Series(shown.tolist()))
    got, plain = rate(table, gold="truth"), rate(table)
    assert got["m0"].log_strength > plain["m0"].log_strength + 0.1
    assert abs(got["m0"].log_strength - s[0]) < 3 * got["m0"].standard_error
    assert got["m0"].standard_error > plain["m0"].standard_error
    with pytest.raises(InputError, match="gold: row 0: wanted left, right or tie, got 'maybe'"):
        rate(table.with_columns(truth=pl.lit("maybe")), gold="truth")


def test_anchors_put_ratings_on_an_absolute_scale():
    rng = np.random.default_rng(3)
    s, table = votes(rows=6000)
    rows = [
        {"subject": f"m{k}", "score": float(rng.random() < 1 / (1 + np.exp(-(-1 + 0.8 * s[k]))))}
        for k in (0, 1, 3, 4, 5)
        for _ in range(800)
    ]
    got = rate(table, anchors=pl.DataFrame(rows))
    assert got.anchors["scale"] == "logit" and got.anchors["subjects"] == [
        "m0",
        "m1",
        "m3",
        "m4",
        "m5",
    ]
    for k, r in enumerate(got.ratings):
        truth = 1 / (1 + np.exp(-(-1 + 0.8 * s[k])))
        assert r.anchored_interval[0] < truth < r.anchored_interval[1]
    with pytest.raises(RatingError, match="wanted at least 4"):
        rate(table, anchors=pl.DataFrame(rows[:1600]))
    upside = [{**r, "subject": f"m{5 - int(r['subject'][1])}"} for r in rows]
    with pytest.raises(RatingError, match="does not rise with the rating"):
        rate(table, anchors=pl.DataFrame(upside))


def test_an_anchor_line_without_errors_is_least_squares():
    x, y = np.array([-1.0, 0, 1, 2, 3]), np.array([0.1, 1.2, 1.9, 3.2, 3.9])
    got = anchoring(x, np.zeros((5, 5)), y, np.full(5, 1e-9), tuple("abcde"))
    slope, intercept = np.polyfit(x, y, 1)
    assert (got.slope, got.intercept) == pytest.approx((slope, intercept))
    r = y - intercept - slope * x
    assert got.spread == pytest.approx(np.sqrt((r**2).sum() / 3))


def test_an_audit_may_be_added():
    _, table = votes(rows=500)
    assert rate(table).audit is None
    found = rate(table, audit=True)
    audit = json.loads(dumps(found.to_dict()))["audit"]
    assert (audit["votes"], audit["model"]) == (500, found.model)
    assert audit["ranking"][0]["subject"] == found.ratings[0].subject
    assert audit["upsets"] and audit["influences"]["item"]
    assert found.ratings[0].subject in audit["page"]
    with pytest.raises(InputError, match="column of weights"):
        rate(table.with_columns(weight=pl.lit(2.0)), audit=True)


def test_ten_thousand_sparse_subjects_have_ratings_with_errors():
    rng = np.random.default_rng(1)
    left, right, outcome = draw(rng, rng.normal(0, 0.5, 3000), 15_000)
    got = rate({"left": left, "right": right, "winner": outcome}, prior=0.5)
    assert len(got.ratings) == 3000 and got.ratings[0].standard_error > 0.1
    assert any("no ranks" in n for n in got.notes) and got.ratings[0].tier is None


def test_figures_are_drawn_and_names_are_harmless(tmp_path):
    _, table = votes(rows=800)
    table = table.with_columns(
        pl.col("left", "right").str.replace("m0", "<script>alert(1)</script>\x1b[2J")
    )
    got = rate(table)
    file = forest(got).save(tmp_path / "f.svg")
    text = file.read_text()
    assert text.startswith("<svg") and "<script>" not in text and "\x1b" not in text
    assert json.loads(heat(got).save(tmp_path / "h.json").read_text())["mark"] == "rect"
    with pytest.raises(InputError, match="wanted a figure to end in"):
        got.plot().save(tmp_path / "f.gif")


def test_it_is_a_verb_of_the_package():
    assert calibrant.rate is rate and callable(calibrant.read_comparisons)


@pytest.mark.parametrize("certificate", CERTIFICATES, ids=lambda c: c.name)
def test_certificates_hold_in_short(certificate):
    short = replace(certificate, batch_draws=80)
    for measured in measure_certificate(short, draws=80, seed=2):
        assert not measured.broken, measured
