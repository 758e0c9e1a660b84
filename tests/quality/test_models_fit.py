"""`calibrant items FILE` and its verb: what people get, and what is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from calibrant.cli import main
from calibrant.errors import InputError
from calibrant.quality.bank import read_bank
from calibrant.quality.models.certificates import CERTIFICATES
from calibrant.quality.models.fit import fit, fit_bank
from calibrant.quality.responses import of_matrix
from calibrant.stats.certificates import measure_certificate

DATA = Path(__file__).parents[2] / "shared/data/quality"
if not DATA.exists():
    DATA = Path(__file__).parents[3] / "shared/data/quality"


def scores(subjects: int, items: int, seed: int = 0) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    gap = rng.normal(size=(subjects, 1)) - rng.normal(size=items)
    return (rng.random(gap.shape) < 1 / (1 + np.exp(-gap))).astype(float)


def run(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[Any, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(["items", *map(str, args)])
    out, err = capsys.readouterr()
    return caught.value.code, out, err


@pytest.fixture
def table(tmp_path: Path) -> Path:
    x = scores(120, 8)
    path = tmp_path / "wide.csv"
    frame = pl.DataFrame({f"q{j}": x[:, j] for j in range(8)})
    names = pl.Series("model", [f"m{i}" for i in range(119)] + ["\x1b[31mred"])
    frame.insert_column(0, names).write_csv(path)
    return path


def test_programs_get_one_document(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bank, figure = tmp_path / "bank.json", tmp_path / "f.svg"
    code, out, err = run(
        capsys, table, "--model", "2pl", "--json", "--out", bank, "--figure", figure
    )
    assert code == 0, err
    found = json.loads(out)
    assert {"model", "log_likelihood", "adequacy", "items", "subjects", "reliability",
            "bank_check"} <= set(found)  # fmt: skip
    first = found["items"][0]
    assert {"item", "discrimination", "difficulty", "standard_errors", "item_rest", "flags"} <= set(
        first
    )
    assert set(first["standard_errors"]) == {"discrimination", "difficulty"}
    assert {"subject", "ability", "standard_error"} <= set(found["subjects"][0])
    assert found["adequacy"]["verdict"] == "adequate"
    assert read_bank(bank).discrimination[0] == pytest.approx(first["discrimination"])
    assert figure.read_text(encoding="utf-8").startswith("<svg")


def test_people_get_a_table_without_escapes(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, table, "--rows", 0)
    assert code == 0
    assert out.startswith("2pl of 8 items by 120 subjects: log likelihood -")
    assert "bank: " in out and "\x1b" not in out and "red" in out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--model", "3pl"), "a 3pl needs at least 500 subjects, got 120"),
        (("--prior", "guessing"), "prior: wanted guessing, with a 3pl"),
        (("--model", "grm", "--fractional"), "fractional scores are for rasch and 2pl"),
        (("--model", "continuous", "--out", "x.json"), "this model makes no bank"),
    ],
)
def test_mistakes_are_one_line(
    table: Path, capsys: pytest.CaptureFixture[str], args: tuple[str, ...], said: str
) -> None:
    code, out, err = run(capsys, table, *args)
    assert code == 2 and not out
    assert said in err and len(err.strip().split("\n")) == 1


def test_too_few_subjects_are_refused_but_for_a_rasch() -> None:
    few = of_matrix(scores(9, 12))
    with pytest.raises(InputError, match="a 2pl needs at least 10 subjects, got 9"):
        fit(few, model="2pl")
    found = fit(few, check=False)
    assert found.model == "rasch"
    assert "auto chose rasch: there are 9 subjects" in found.notes[0]
    with pytest.raises(InputError, match="at least 2 subjects"):
        fit(of_matrix(scores(1, 12)))


def test_items_that_do_not_vary_are_named_and_left_out() -> None:
    x = scores(150, 12)
    x[:, 3], x[:, 5] = 1.0, np.nan
    x[0, 4] = x[0, 0] = 1.0
    found = fit(of_matrix(x), model="2pl", check=False)
    assert found.items[3].flags == ("constant",) and found.items[5].flags == ("unanswered",)
    assert found.items[3].discrimination is None
    assert len(found.bank.items) == 10 and found.parameters == 20
    without = fit_bank(np.delete(x, [3, 5], axis=1))
    assert found.log_likelihood == pytest.approx(without.log_likelihood, abs=1e-6)
    json.dumps(found.to_dict())
    with pytest.raises(InputError, match="no item has two different scores"):
        fit(of_matrix(np.ones((20, 5))))


def test_perfect_separation_is_named_and_bounded() -> None:
    x = scores(80, 40)
    x[:, 7] = x.sum(axis=1) > 20
    found = fit(of_matrix(x), model="2pl", check=False)
    assert "separated" in found.items[7].flags
    assert 5 < (found.items[7].discrimination or 0) < 60
    assert any("would be infinite" in note for note in found.notes)
    assert found.adequacy.converged
    # Everyone perfect or hopeless, or Guttman's perfect scale: finite all the same.
    guttman = fit_bank(np.triu(np.ones((25, 25)))[:, :-1], "2pl")
    assert np.isfinite(guttman.ability).all() and guttman.adequacy.verdict == "inadequate"


def test_designs_that_fall_apart_and_doubles_are_noted() -> None:
    x = scores(120, 40)
    x[:60, 20:] = np.nan
    x[60:, :20] = np.nan
    apart = fit(of_matrix(x), model="rasch", check=False)
    assert any("2 groups of subjects share no item" in note for note in apart.notes)
    whole = scores(60, 40)
    twice = fit(of_matrix(np.concatenate([whole, whole[30:31]])), model="rasch", check=False)
    assert any("'subject 31'" in note and "'subject 61'" in note for note in twice.notes)
    assert not fit(of_matrix(whole), model="rasch", check=False).notes


def test_scores_between_are_refused_unless_asked_for() -> None:
    x = scores(60, 10)
    x[:5, 2] = 0.3
    with pytest.raises(InputError, match=r"5 scores \(0\.8%\) lie between"):
        fit(of_matrix(x), model="2pl")
    found = fit(of_matrix(x), model="2pl", fractional=True, check=False)
    assert found.adequacy.standard_errors.startswith("sandwich")
    assert any("quasi-likelihood" in note for note in found.notes)
    with pytest.raises(InputError, match="such as 0.3 of subject"):
        fit(of_matrix(x), model="3pl", prior="guessing")


def test_auto_takes_the_model_that_suits_the_scores() -> None:
    assert fit(of_matrix(scores(100, 5)), check=False).model == "2pl"
    graded = scores(100, 5, 1) + scores(100, 5, 2)
    found = fit(of_matrix(graded, high=2), check=False)
    assert found.model == "grm" and len(found.items[0].difficulty) == 2
    assert fit(of_matrix(graded[:40], high=2), check=False).model == "pcm"


def test_trials_are_binomial() -> None:
    one, two = scores(100, 6, 1), scores(100, 6, 2)
    long = pl.DataFrame([
        {"subject": f"s{i}", "item": f"q{j}", "epoch": e, "score": float(x[i, j])}
        for e, x in enumerate((one, two)) for i in range(100) for j in range(6)
    ])  # fmt: skip
    found = fit(long, model="rasch", check=False)
    # The likelihood is that of the single trials: in a rasch, of items with equal difficulties.
    assert found.model == "rasch" and found.log_likelihood < -600
    assert found.bank.sd > 0


def test_the_same_seed_and_source_give_the_same_numbers(table: Path) -> None:
    first, second = (fit(table).to_dict() for _ in range(2))
    assert first == second


@pytest.mark.skipif(not DATA.exists(), reason="LiveBench is not here")
def test_livebench_is_fitted() -> None:
    source = DATA / "livebench_complete_block.csv"
    with pytest.raises(InputError, match="use --model continuous"):
        fit(source, model="2pl")
    found = fit(source, model="2pl", fractional=True, check=False)
    assert found.log_likelihood == pytest.approx(-26467.12, abs=0.7)
    assert found.adequacy.converged and found.reliability["empirical"] > 0.99
    assert sum("constant" in i.flags for i in found.items) == 62
    best = found.subjects[int(np.argmax(found.ability))]
    assert best.startswith("o1-preview")


@pytest.mark.parametrize("certificate", CERTIFICATES, ids=lambda c: c.name)
def test_certificates_hold_in_short(certificate: Any) -> None:
    from dataclasses import replace

    short = replace(certificate, batch_draws=4, beyond=())
    for measured in measure_certificate(short, draws=4):
        assert not measured.broken
