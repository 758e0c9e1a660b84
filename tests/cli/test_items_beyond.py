"""`calibrant items --model continuous, m2pl, testlet, facets`: tables, documents, mistakes."""

import json

import numpy as np
import polars as pl
import pytest

from calibrant.cli import main


def run(capsys, *args):
    with pytest.raises(SystemExit) as caught:
        main(["items", *map(str, args)])
    out, err = capsys.readouterr()
    return caught.value.code or 0, out, err


@pytest.fixture
def wide(tmp_path):
    rng = np.random.default_rng(0)
    logit = 1.5 * rng.normal(size=(60, 1)) - rng.normal(size=10)
    x = (rng.random((60, 10)) < 1 / (1 + np.exp(-logit))).astype(int)
    names = ["\x1b[31mred", *(f"m{i}" for i in range(59))]
    pl.DataFrame({"model": names, **{f"q{j}": x[:, j] for j in range(10)}}).write_csv(
        tmp_path / "wide.csv"
    )
    pl.DataFrame({"item": [f"q{j}" for j in range(10)],
                  "topic": [f"t{j // 5}" for j in range(10)]}).write_csv(
        tmp_path / "items.csv"
    )  # fmt: skip
    return tmp_path / "wide.csv"


@pytest.mark.parametrize(
    ("model", "more", "said"),
    [
        ("continuous", [], "item rest"),
        ("m2pl", ["--dimensions", 2], "communality"),
        ("testlet", ["--cluster", "topic"], "clusters"),
        ("facets", [], "infit"),
    ],
)
def test_each_model_prints_a_table_and_a_document(capsys, wide, model, more, said):
    args = [wide, "--model", model, *more]
    if model == "testlet":
        args += ["--items", wide.parent / "items.csv"]
    code, out, _ = run(capsys, *args, "--rows", 3)
    assert code == 0 and said in out and "subject" in out and "\x1b[31m" not in out
    code, out, _ = run(capsys, *args, "--json")
    document = json.loads(out)
    assert code == 0 and document["model"] == model
    assert document["adequacy"]["verdict"] == "adequate"
    assert {"log_likelihood", "items", "subjects", "reliability"} <= set(document)
    assert document["bank_check"]["verdict"] and document["reliability"]["empirical"]
    wanted = {"item", "discrimination", "difficulty", "standard_errors", "item_rest", "flags"}
    assert all(wanted <= set(item) for item in document["items"])
    assert all({"subject", "ability", "standard_error"} <= set(s) for s in document["subjects"])
    assert len(document["subjects"]) == 60


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--model", "rasch", "--dimensions", 2], "belongs to --model m2pl"),
        (["--model", "m2pl", "--cluster", "topic"], "belongs to --model testlet"),
        (["--model", "testlet"], "nothing known about items is called 'cluster'"),
        (["--model", "facets", "--robust"], "does not belong"),
        (["--model", "facets", "--figure", "f.svg"], "--figure: there is none"),
        (["--model", "continuous", "--out", "b.json"], "makes no bank"),
    ],
)
def test_mistakes_are_one_line(capsys, wide, tmp_path, monkeypatch, args, said):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, wide, *args)
    assert code == 2 and said in err and len(err.strip().splitlines()) == 1
