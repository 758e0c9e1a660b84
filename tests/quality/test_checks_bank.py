"""A bank may be used adaptively only where adapting pays on new subjects."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from calibrant.cli import main
from calibrant.errors import InputError
from calibrant.items import check_bank
from calibrant.quality.bank import two_pl, write_bank
from calibrant.quality.banks.trial import both, length_of
from calibrant.quality.checks.working import NODES, curves, posterior_of, work
from calibrant.quality.responses import of_matrix


def drawn(rng, subjects, items, flipped=0.0):
    slope, intercept = rng.lognormal(0, 0.3, items), rng.normal(0, 1.2, items)
    theta = rng.normal(size=subjects)
    x = (rng.random((subjects, items)) < expit(theta[:, None] * slope + intercept)).astype(float)
    wrong = rng.permutation(items)[: int(flipped * items)]
    x[:, wrong] = 1 - x[:, wrong]
    return x, set(wrong.tolist())


def fitted(x):
    fit = work(x)
    bank = two_pl(fit.slope, -fit.intercept / fit.slope)
    covariance = np.zeros((x.shape[1], 2, 2))
    covariance[:, 0, 0] = fit.slope_error**2
    covariance[:, 1, 1] = 0.05
    return replace(bank, covariance=covariance)


@pytest.mark.parametrize(("subjects", "items"), [(84, 200), (150, 60)])
def test_a_good_bank_is_fine_and_one_with_a_quarter_reversed_is_not(subjects, items):
    rng = np.random.default_rng(1)
    x, _ = drawn(rng, subjects, items)
    good = check_bank(fitted(x), of_matrix(x))
    assert good.fine and good.verdict == "adaptive: fine"
    assert check_bank(fitted(x)).fine
    x, wrong = drawn(rng, subjects, items, 0.25)
    bad = check_bank(fitted(x), of_matrix(x))
    assert bad.verdict == "random only"
    assert any("surely answered better by weaker" in r for r in bad.reasons)
    found = {int(name.split()[1]) - 1 for name in bad.reversed_items}
    assert len(found & wrong) >= 0.7 * len(wrong) and len(found - wrong) <= 0.1 * len(wrong)
    assert check_bank(fitted(x)).verdict == "random only"
    assert json.loads(json.dumps(bad.to_dict()))["verdict"] == "random only"


def test_a_bank_whose_signs_disagree_with_the_responses_is_not_fine():
    rng = np.random.default_rng(2)
    x, _ = drawn(rng, 150, 60, 0.25)
    bank = fitted(x)
    positive = replace(bank, discrimination=np.abs(bank.discrimination))
    assert check_bank(positive, of_matrix(x)).verdict == "random only"


def test_what_is_too_little_is_refused_with_its_number():
    rng = np.random.default_rng(3)
    x, _ = drawn(rng, 9, 40)
    assert check_bank(fitted(x), of_matrix(x)).verdict == "unusable"
    x, _ = drawn(rng, 25, 40)
    few = check_bank(fitted(x), of_matrix(x))
    assert few.verdict == "random only" and any("25 subjects" in r for r in few.reasons)
    noise = (rng.random((100, 40)) < 0.5).astype(float)
    assert check_bank(fitted(noise), of_matrix(noise)).verdict == "unusable"
    ones = np.ones((50, 12))
    assert check_bank(fitted(ones), of_matrix(ones)).verdict == "unusable"
    x, _ = drawn(rng, 100, 40)
    unsure = replace(fitted(x), covariance=None)
    assert any("no standard errors" in r for r in check_bank(unsure).reasons)


@pytest.mark.parametrize("items", [5, 9])
def test_a_bank_too_short_to_adapt_on_is_random_only_in_words(items):
    rng = np.random.default_rng(3)
    x = (rng.random((400, items)) < 1 / (1 + np.exp(-1.5 * rng.normal(size=(400, 1))))).astype(
        float
    )
    for found in (check_bank(fitted(x), of_matrix(x)), check_bank(fitted(x))):
        assert found.verdict == "random only" and found.length is None
        told = [f for f in found.findings if f.name == "short bank"]
        assert len(told) == 1 and told[0].value == items and told[0].limit == 10
        assert f"the bank has {items} items, too few to adapt on" in told[0].reason
        assert "squared error" not in repr(found) + json.dumps(found.to_dict())


def test_subjects_with_few_answers_each_leave_nothing_to_adapt_on():
    rng = np.random.default_rng(4)
    x = (rng.random((200, 30)) < 1 / (1 + np.exp(-1.5 * rng.normal(size=(200, 1))))).astype(float)
    bank = fitted(x)
    x[rng.permuted(np.tile(np.arange(30) >= 5, (200, 1)), axis=1)] = np.nan
    found = check_bank(bank, of_matrix(x))
    assert found.verdict != "adaptive: fine" and found.length is None
    assert any("half of the subjects answered at most 5 items" in r for r in found.reasons)


def test_holes_empty_subjects_and_families_are_survived():
    rng = np.random.default_rng(4)
    x, _ = drawn(rng, 120, 50)
    bank = fitted(x)
    x[rng.random(x.shape) < 0.2] = np.nan
    x[3] = np.nan
    r = of_matrix(x)
    r = replace(r, subject_facts=r.subject_facts.with_columns(
        family=pl.Series([f"f{i // 3}" if i % 7 else None for i in range(120)])
    ))  # fmt: skip
    found = check_bank(bank, r)
    assert any(f.name == "families" for f in found.findings)
    assert found.verdict in ("adaptive: fine", "random only")
    assert repr(check_bank(bank, r, seed=0)) == repr(found)
    with pytest.raises(InputError, match="wanted responses to all of its 50 items"):
        check_bank(bank, of_matrix(x[:, :20]))


def test_an_adaptive_test_takes_the_most_informative_item_each_time():
    rng = np.random.default_rng(5)
    x, _ = drawn(rng, 6, 12)
    x[0, 3] = np.nan
    slope, intercept = rng.normal(1, 0.5, 12), rng.normal(0, 1, 12)
    got, _ = both(x, slope, intercept, 4, rng)
    for i, row in enumerate(x):
        taken: list[int] = []
        for _ in range(4):
            right, wrong = np.zeros((1, 12)), np.zeros((1, 12))
            right[0, taken], wrong[0, taken] = row[taken], 1 - row[taken]
            theta = float(posterior_of(right, wrong, slope, intercept)[0] @ NODES)
            node = NODES[np.argmin(np.abs(NODES - theta))]
            p = expit(slope * node + intercept)
            info = slope**2 * p * (1 - p)
            info[taken] = -1
            info[np.isnan(row)] = -1
            taken.append(int(np.argmax(info)))
        right, wrong = np.zeros((1, 12)), np.zeros((1, 12))
        right[0, taken], wrong[0, taken] = row[taken], 1 - row[taken]
        rest = (posterior_of(right, wrong, slope, intercept) @ curves(slope, intercept))[0]
        guess = np.where(np.isin(np.arange(12), taken), row, rest)
        seen = ~np.isnan(row)
        assert got[i] == pytest.approx((guess[seen].mean() - row[seen].mean()) ** 2, abs=1e-12)
    assert [length_of(n) for n in (3, 10, 60, 1000)] == [3, 5, 12, 25]


def test_the_command_says_why_in_one_document_or_a_table(tmp_path: Path, capsys):
    rng = np.random.default_rng(6)
    x, _ = drawn(rng, 80, 40, 0.25)
    write_bank(fitted(x), tmp_path / "bank.json")
    frame = pl.DataFrame(x, schema=[f"item {j + 1}" for j in range(40)])
    frame.insert_column(0, pl.Series("model", [f"m{i}" for i in range(80)])).write_csv(
        tmp_path / "r.csv"
    )
    for extra in ([], [str(tmp_path / "r.csv")]):
        with pytest.raises(SystemExit) as end:
            main(["items", "bank", str(tmp_path / "bank.json"), *extra, "--json"])
        assert end.value.code == 0
        assert json.loads(capsys.readouterr().out)["verdict"] == "random only"
    with pytest.raises(SystemExit) as end:
        main(["items", "bank", str(tmp_path / "bank.json"), str(tmp_path / "r.csv")])
    out = capsys.readouterr().out
    assert end.value.code == 0 and "random only" in out and "check the keys of" in out
    with pytest.raises(SystemExit) as end:
        main(["items", "bank", str(tmp_path / "r.csv")])
    assert end.value.code == 2 and capsys.readouterr().err.count("\n") == 1
