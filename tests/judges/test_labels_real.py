"""DICES-350 and PandaLM: crowds and models as judges, experts and annotators as gold."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from calibrant.judge import anytime_ppi, calibrated_ppi, calibration, plan
from calibrant.judges.calibration import calibrated

DATA = Path(__file__).parents[3] / "shared/data/judges"


@pytest.fixture(scope="module")
def dices():
    """Share of unsafe votes of about 120 raters per conversation, and the experts' label."""
    path = DATA / "dices_350_crowdsourced.csv"
    if not path.is_file():
        pytest.skip("DICES-350 is not beside the checkout")
    crowd = pl.read_csv(path).select(
        "id",
        (pl.col("ratings").str.count_matches("Y") / pl.col("ratings").str.len_chars()).alias("s"),
    )
    expert = pl.read_csv(DATA / "dices_350_expert.csv").select(
        "id", (pl.col("majority") == "Yes").cast(pl.Float64).alias("gold")
    )
    return crowd.join(expert, on="id")


@pytest.fixture(scope="module")
def pandalm():
    """Whether the judge's verdict is that of most annotators, GPT's and PandaLM's."""
    path = DATA / "pandalm_testset_labels.csv"
    if not path.is_file():
        pytest.skip("PandaLM's labels are not beside the checkout")
    return pl.read_csv(path)


def test_crowds_are_biased_and_calibration_finds_the_experts_rate(dices):
    s, gold = dices["s"].to_numpy(), dices["gold"].to_numpy()
    assert dices.height == 350
    rng = np.random.default_rng(0)
    covered = width = 0.0
    for k in range(40):
        at = rng.permutation(350)[:100]
        found = calibrated_ppi(s, at, gold[at], seed=k)
        covered += found.low <= gold.mean() <= found.high
        width += found.high - found.low
    assert covered >= 36
    assert width / 40 < 0.25
    raw = calibration(s, gold)
    assert abs(raw.large.value) > 0.02
    crossed = calibrated(s, np.arange(350), gold, method="platt")
    assert abs(calibration(crossed, gold).large.value) < 0.02


def test_experts_may_be_watched(dices):
    s, gold = dices["s"].to_numpy(), dices["gold"].to_numpy()
    order = np.random.default_rng(3).permutation(350)
    found = anytime_ppi(s, order, gold[order], calibrate="platt", claim=(0.4, "above"))
    assert found.verdict == "supported"
    assert found.stop < 350
    assert found.low[-1] == pytest.approx(gold.mean())


def test_a_plan_from_a_pilot_of_experts(dices):
    pilot = np.random.default_rng(1).permutation(350)[:60]
    table = dices.rename({"s": "judge"}).with_columns(
        pl.when(pl.int_range(pl.len()).is_in(pilot.tolist())).then("gold").alias("gold")
    )
    found = plan(table, gold="gold", width=0.15, measurand="items", seed=0)
    assert found.pilot == 60
    assert found.recommended is not None
    assert found.gain_low < found.gain_high
    assert found.to_label["item"].n_unique() == found.to_label.height


def test_a_plan_for_the_rate_of_wins_of_a_model(pandalm):
    """The measurand: how often the first answer is preferred; gold is the annotators' majority."""
    votes = pandalm.select("annotator1", "annotator2", "annotator3").to_numpy()
    gold = ((votes == 1).sum(axis=1) >= 2).astype(float)
    judge = (pandalm["gpt_result"] == "1").cast(pl.Float64).to_numpy()
    n = gold.size
    at = np.random.default_rng(0).permutation(n)[:150]
    label = np.full(n, np.nan)
    label[at] = gold[at]
    table = pl.DataFrame({"judge": judge, "gold": label}).with_columns(
        pl.col("gold").fill_nan(None)
    )
    found = plan(table, gold="gold", width=0.1, seed=0)
    assert found.worth_it
    assert found.gain_low > 1
    best = next(o for o in found.options if o.design == "gold only")
    assert found.labels < best.labels
