"""`calibrant forecast axes` and `capability`: a table, one document, figures, short mistakes."""

import json

import numpy as np
import polars as pl
import pytest

from calibrant.cli import main


def run(capsys, *args):
    with pytest.raises(SystemExit) as caught:
        main(["forecast", *map(str, args)])
    out, err = capsys.readouterr()
    return caught.value.code or 0, out, err


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    rng = np.random.default_rng(0)
    family = np.repeat(np.arange(6), 4)
    able = rng.normal(size=6)[family] + rng.normal(size=24)
    made = {f"b{j}": 0.5 + 0.1 * able + 0.03 * rng.normal(size=24) for j in range(5)}
    made["b0"][3] = np.nan
    path = tmp_path_factory.mktemp("axes") / "wide.csv"
    names = ["\x1b[31mred-1", *(f"m{g}-{i}" for i, g in enumerate(family[1:]))]
    pl.DataFrame(
        {"model": names, "family": [f"f{g}" for g in family], "FLOPs (1E21)": 10 ** (1 + able / 2),
         **made}
    ).with_columns(pl.col(pl.Float64).fill_nan(None)).write_csv(path)  # fmt: skip
    return path


def test_axes_as_a_table_and_as_one_document_with_figures(capsys, wide, tmp_path):
    args = ("axes", wide, "--family", "family", "--scale", "FLOPs (1E21)", "--draws", 20)
    code, out, _ = run(capsys, *args)
    assert code == 0 and "within families: median R²" in out and "1 missing cell of 120" in out
    assert "not standardised" in out and "\x1b[31m" not in out
    figure, lines = tmp_path / "scree.svg", tmp_path / "lines.svg"
    code, out, err = run(capsys, *args, "--json", "--figure", figure, "--lines", lines)
    document = json.loads(out)
    assert code == 0 and err.count("figure written") == 2
    assert figure.read_text().startswith("<svg") and "f3" in lines.read_text()
    assert len(document["variance_explained"]) == 5
    assert sum(document["variance_explained"]) == pytest.approx(1)
    assert set(document["loadings"]) == {f"b{j}" for j in range(5)}
    assert len(document["within_family"]["families"]) == 6
    assert document["preprocessing"][0] == "centred, not standardised"


def test_the_same_seed_gives_the_same_document(capsys, wide):
    args = ("axes", wide, "--family", "family", "--draws", 20, "--json", "--columns", "b1,b2,b3")
    assert run(capsys, *args)[1] == run(capsys, *args)[1]


def test_capability_as_a_table_and_as_one_document_with_a_figure(capsys, wide, tmp_path):
    figure = tmp_path / "forest.svg"
    args = ("capability", wide, "--capability", "b1,b2", "--capability", "b3",
            "--family", "family", "--scale", "FLOPs (1E21)", "--draws", 99)  # fmt: skip
    code, out, _ = run(capsys, *args)
    assert code == 0 and "beyond compute" in out and "b4" in out and "b0" in out
    code, out, err = run(capsys, *args, "--score", "b4", "--json", "--figure", figure)
    document = json.loads(out)
    assert code == 0 and "figure written" in err and figure.read_text().startswith("<svg")
    assert document["scores"][0]["verdict"] == "capability-driven"
    assert document["capability"] == ["b1", "b2", "b3"] and len(document["ability"]) == 24


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["axes", "absent.csv"], "absent.csv"),
        (["axes", "WIDE", "--columns", "nope"], "no column 'nope'"),
        (["axes", "WIDE", "--scale", "family"], "wanted a number"),
        (["axes", "WIDE", "--lines", "x.svg"], "--scale"),
        (["axes", "WIDE", "--family-pattern", "("], "pattern"),
        (["capability", "WIDE"], "--capability"),
        (["capability", "WIDE", "--capability", ","], "at least one column"),
        (["capability", "WIDE", "--capability", "b1", "--margin", "0.9"], "margin"),
        (["capability", "WIDE", "--capability", "b1", "--score", "b1"], "named twice"),
    ],
)
def test_mistakes_take_one_line(capsys, wide, args, said):
    code, out, err = run(capsys, *(wide if a == "WIDE" else a for a in args))
    assert code == 2 and said in err and out == "" and "Traceback" not in err
