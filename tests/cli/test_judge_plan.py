"""`calibrant judge plan`: tables for people, one document for programs, one line for mistakes."""

import csv
import json

import numpy as np
import pytest

from calibrant.cli import main


def run(capsys, *args):
    with pytest.raises(SystemExit) as caught:
        main(["judge", "plan", *map(str, args)])
    out, err = capsys.readouterr()
    return caught.value.code, out, err


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(1)
    n = 2000
    score = rng.beta(0.5, 1.0, n)
    gold = rng.random(n) < score
    pilot = set(rng.permutation(n)[:120].tolist())
    rows = ["item,score,verdict,doubt,truth"]
    for i in range(n):
        verdict = "unsafe" if score[i] > 0.5 else "safe"
        label = ("unsafe" if gold[i] else "safe") if i in pilot else ""
        rows.append(f"=q{i},{score[i]:.6f},{verdict},{min(score[i], 1 - score[i]):.6f},{label}")
    path = tmp_path / "t.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_people_get_a_recommendation_and_tables(table, capsys, tmp_path):
    drawn = tmp_path / "f.svg"
    code, out, err = run(
        capsys, table, "--judge", "score", "--gold", "truth", "--positive", "unsafe",
        "--width", 0.08, "--figure", drawn,
    )  # fmt: skip
    assert code == 0
    for word in ("gold only", "uniform", "stratified", "active", "→", "worth", "judge"):
        assert word in out
    assert "figure written" in err
    assert drawn.read_text().startswith("<svg")


def test_the_items_to_label_carry_their_chances(table, capsys, tmp_path):
    code, out, err = run(
        capsys, table, "--judge", "verdict", "--doubt", "doubt", "--gold", "truth", "--positive",
        "unsafe", "--width", 0.09, "--design", "active", "-o", tmp_path / "to.csv", "--json",
    )  # fmt: skip
    assert code == 0
    found = json.loads(out)
    rows = list(csv.DictReader((tmp_path / "to.csv").read_text().splitlines()))
    assert len(rows) == len(found["to_label"])
    assert f"{len(rows):,} items written" in err
    assert all(0 < float(r["probability"]) <= 1 for r in rows)
    pilot = [r for r in rows if r["phase"] == "pilot"]
    assert len(pilot) == 120
    assert all(r["gold"] in ("0.0", "1.0") for r in pilot)
    assert all(r["gold"] == "" for r in rows[120:])
    assert rows[0]["item"].startswith("'=q"), "a spreadsheet would take the id for a formula"
    # Weights are those of the whole table: their sum is near the number of items.
    assert sum(float(r["weight"]) for r in rows) == pytest.approx(2000, rel=0.15)


def test_without_a_pilot_assumptions_decide(capsys):
    args = ("--items", 3000, "--sensitivity", 0.9, "--specificity", 0.97, "--rate", 0.05)
    code, out, _ = run(capsys, *args, "--below", 0.1, "--json")
    assert code == 0
    found = json.loads(out)
    assert found["source"] == "assumed"
    assert found["worth_it"]
    assert found["gain"]["low"] is None
    assert found["certifying"]["power"] >= 0.8
    assert found["to_label"] == []
    assert [o["exact"] for o in found["options"]] == [True, False, True]
    assert found["recommended"]["chance"] >= 0.8


def test_a_useless_judge_is_not_worth_it(capsys):
    args = ("--items", 3000, "--sensitivity", 0.52, "--specificity", 0.52, "--rate", 0.3)
    code, out, _ = run(capsys, *args, "--width", 0.1, "--cost-judge", 0.1)
    assert code == 0
    assert "not worth it" in out


@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        ((), "a TABLE or --items"),
        (("--items", 100, "--sensitivity", 0.9, "--specificity", 0.9, "--rate", 0.5), "a width"),
        (("--items", 100, "--width", 0.1), "sensitivity"),
        (("--items", 100, "--sensitivity", 0.5, "--specificity", 0.5, "--rate", 0.1, "--width",
          0.1), "say nothing"),
        (("--items", 100, "--below", 0.1, "--above", 0.2), "got both"),
        (("--items", 100, "--sensitivity", 0.9, "--specificity", 0.9, "--rate", 0.5, "--width", 2),
         "width"),
        (("{table}", "--judge", "absent", "--width", 0.1), "no 'absent'"),
        (("{table}", "--judge", "verdict", "--width", 0.1), "row 1"),
        (("{table}", "--judge", "score", "--width", 0.1), "pilot"),
        (("absent.csv", "--width", 0.1), "no such file"),
    ],
)  # fmt: skip
def test_wrong_input_is_one_line(table, capsys, args, wanted):
    code, out, err = run(capsys, *(str(a).replace("{table}", str(table)) for a in args))
    assert code == 2
    assert out == ""
    assert wanted in err
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in err
