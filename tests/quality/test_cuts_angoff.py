"""Angoff cuts: judgements read in every form, errors as in a plain analysis of variance."""

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.cli import main
from calibrant.errors import InputError
from calibrant.quality.bank import two_pl, write_bank
from calibrant.quality.cuts.angoff import angoff
from calibrant.quality.cuts.cut import cut_of, read_cut, write_cut
from calibrant.quality.cuts.judgements import read_judgements


def panel(raters=8, items=30, seed=1):
    rng = np.random.default_rng(seed)
    y = 0.6 + rng.normal(0, 0.05, (raters, 1)) + rng.normal(0, 0.15, (1, items))
    return np.clip(y + rng.normal(0, 0.08, (raters, items)), 0, 1)


def plain(y):
    """Mean, and both errors, from the textbook's sums of squares, one number at a time."""
    n, m = y.shape
    grand = sum(y[r, i] for r in range(n) for i in range(m)) / (n * m)
    rows = [sum(y[r]) / m for r in range(n)]
    columns = [sum(y[:, i]) / n for i in range(m)]
    ms_r = m * sum((x - grand) ** 2 for x in rows) / (n - 1)
    ms_i = n * sum((x - grand) ** 2 for x in columns) / (m - 1)
    ss_e = sum((y[r, i] - rows[r] - columns[i] + grand) ** 2 for r in range(n) for i in range(m))
    ms_e = ss_e / ((n - 1) * (m - 1))
    v_r, v_i = (ms_r - ms_e) / m, (ms_i - ms_e) / n
    return grand, (v_r / n + ms_e / (n * m)) ** 0.5, (v_r / n + v_i / m + ms_e / (n * m)) ** 0.5


@settings(max_examples=20, deadline=None)
@given(st.integers(3, 9), st.integers(4, 15), st.integers(0, 10_000))
def test_the_errors_are_those_of_the_analysis_of_variance(raters, items, seed):
    y = panel(raters, items, seed)
    found = angoff(y)
    mean, fixed, sampled = plain(y)
    assert found.cut.value == pytest.approx(mean)
    assert found.standard_error_fixed == pytest.approx(fixed, rel=1e-9)
    assert found.standard_error_sampled >= found.standard_error_fixed - 1e-12
    if found.rater_variance > 0 and found.item_variance > 0:
        assert found.standard_error_sampled == pytest.approx(sampled, rel=1e-9)
    assert angoff(y, items="sampled").cut.standard_error == found.standard_error_sampled


def test_one_missing_cell_changes_little_and_is_said():
    y = panel()
    whole = angoff(y)
    y[2, 5] = np.nan
    holed = angoff(y)
    assert holed.cut.value == pytest.approx(whole.cut.value, abs=0.002)
    assert holed.standard_error_fixed == pytest.approx(whole.standard_error_fixed, rel=0.05)
    assert holed.standard_error_sampled == pytest.approx(whole.standard_error_sampled, rel=0.05)
    assert "1 judgements are missing" in " ".join(holed.notes)


def test_severe_raters_on_hard_items_do_not_move_the_cut():
    # Two halves of the panel judge different halves of the items; a few items link them.
    rng = np.random.default_rng(3)
    hard = np.repeat([0.3, 0.7], 20)
    y = hard + rng.normal(0, 0.02, (10, 1)) + rng.normal(0, 0.03, (10, 40))
    y[:5, 23:] = np.nan
    y[5:, :17] = np.nan
    found = angoff(np.clip(y, 0, 1))
    assert found.cut.value == pytest.approx(0.5, abs=0.03)
    assert all(abs(r.cut - 0.5) < 0.1 for r in found.raters)


def test_raters_who_share_nothing_are_refused():
    y = panel(4, 10)
    y[:2, 5:] = np.nan
    y[2:, :5] = np.nan
    with pytest.raises(InputError, match="share no items"):
        angoff(y)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (np.full((1, 5), 0.5), "at least 2"),
        (np.full((3, 5), 0.5), "all are 0.5"),
        (np.array([[0.5, 60.0], [0.4, 70.0]]), "give unit"),
        (np.array([[1.0, 60.0], [40.0, 70.0]]), "give unit"),
        (np.array([[0.5, -0.1], [0.4, 0.7]]), "wanted a probability from 0 to 1, got -0.1"),
        (np.array([[50.0, 101.0], [40.0, 70.0]]), "per cent from 0 to 100, got 101"),
        (np.full((3, 5), np.nan), "at least one, got none"),
    ],
)
def test_what_says_nothing_or_two_things_is_refused(y, words):
    with pytest.raises(InputError, match=words):
        angoff(y)


def test_per_cent_and_yes_no_are_found():
    y = np.round(panel() * 100)
    found = angoff(np.maximum(y, 2))
    assert "per cent" in " ".join(found.notes)
    assert found.cut.value == pytest.approx(angoff(np.maximum(y, 2) / 100).cut.value)
    one = np.array([[1.0, 60.0], [40.0, 70.0]])
    assert angoff(one, unit="percent").cut.value == pytest.approx(0.4275)
    said = angoff((panel() > 0.55).astype(float))
    assert said.cut.method == "yes-no angoff"


def test_long_wide_and_transposed_tables_say_the_same(tmp_path):
    y = panel(4, 6)
    names = [f"q{i}" for i in range(6)]
    wide = pl.DataFrame({"rater": list("abcd")} | {n: y[:, i] for i, n in enumerate(names)})
    tall = pl.DataFrame({"item": names} | {r: y[k] for k, r in enumerate("abcd")})
    long = wide.unpivot(index="rater", variable_name="item", value_name="judgement")
    wide.write_csv(tmp_path / "wide.csv")
    assert read_judgements(tmp_path / "wide.csv").raters == tuple("abcd")
    found = [angoff(t).cut for t in (wide, tall, long, tmp_path / "wide.csv")]
    assert {round(c.value, 12) for c in found} == {round(float(y.mean()), 12)}
    signed = wide.with_columns(pl.col(names).map_elements(lambda x: f"{100 * x} %", pl.String))
    assert angoff(signed).cut.value == pytest.approx(float(y.mean()))


def test_rounds_are_told_apart_and_the_last_counts():
    rng = np.random.default_rng(0)
    rows = [
        {"rater": r, "item": f"q{i}", "rating": float(np.clip(0.6 + k, 0, 1)), "round": turn}
        for turn, spread in ((1, 0.15), (2, 0.03)) for r in "abcde" for i in range(8)
        for k in [rng.normal(0, spread)]
    ]  # fmt: skip
    found = angoff(pl.DataFrame(rows))
    assert [r.name for r in found.rounds] == ["1", "2"]
    assert found.rounds[0].spread > found.rounds[1].spread
    assert found.cut.value == found.rounds[1].value
    assert angoff(pl.DataFrame(rows), round="1").cut.value == found.rounds[0].value
    with pytest.raises(InputError, match="round: wanted one of 1, 2"):
        angoff(pl.DataFrame(rows), round="3")
    with pytest.raises(InputError, match="twice in round '2'"):
        angoff(pl.DataFrame([*rows, rows[-1]]))


def test_an_outlying_and_a_careless_rater_are_named():
    y = panel(9, 40, seed=4)
    y[3] = np.clip(y[3] - 0.35, 0, 1)
    y[6] = np.random.default_rng(9).permutation(y[6][::-1])
    found = angoff(y)
    assert found.outlying == ("rater 4",)
    assert found.without_outlying == pytest.approx(np.delete(y, 3, axis=0).mean())
    assert found.raters[6].correlation < 0.5 < found.raters[0].correlation


def test_a_bank_shows_who_knows_what_is_difficult():
    bank = two_pl(
        np.full(25, 1.2), np.linspace(-2, 2, 25), items=[f"item {i + 1}" for i in range(25)]
    )
    p = bank.expected(np.array([0.4]))[0]
    rng = np.random.default_rng(2)
    y = np.stack([p, np.clip(p + rng.normal(0, 0.05, 25), 0, 1), np.full(25, p.mean()) ** 1.0,
                  1 - p])  # fmt: skip
    found = angoff(y, bank=bank, observed=p)
    exact, near, flat, wrong = found.raters
    assert exact.consistency == pytest.approx(1.0)
    assert exact.ability == pytest.approx(0.4)
    assert near.consistency > flat.consistency > wrong.consistency
    assert wrong.difficulty == pytest.approx(-1)
    assert flat.difficulty is None
    with pytest.raises(InputError, match="not in it"):
        angoff(y, bank=bank.select(range(20)))


def test_a_cut_is_written_and_read_again(tmp_path):
    cut = angoff(panel()).cut
    write_cut(cut, tmp_path / "cut.json")
    assert read_cut(tmp_path / "cut.json") == cut
    assert "angoff by 8 raters on 30 items" in repr(cut)
    with pytest.raises(InputError, match="cannot be written"):
        write_cut(cut, tmp_path / "no" / "cut.json")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"value": 1.2}, "value: wanted a number from 0 to 1, got 1.2"),
        ({"value": True}, "value: wanted a number"),
        ({"low": 0.9}, "low: wanted an interval around the value"),
        ({"direction": "up"}, "direction: wanted above or below, got 'up'"),
        ({"standard_error": -1}, "standard_error: wanted a number of 0 or more"),
        ({"method": "guess"}, "method: wanted one of angoff"),
        ({"panel": 2.5}, "panel: wanted a whole number"),
        ({"source_sha256": "x"}, "64 hexadecimal"),
        ({"notes": "x"}, "notes: wanted a list"),
        ({"kind": "card"}, "not a cut"),
        ({"extra": 1}, "unknown key 'extra'"),
        ({"level": None}, "level: wanted"),
    ],
)
def test_a_cut_that_is_none_is_refused_in_one_line(change, words, tmp_path):
    good = angoff(panel()).cut.to_dict()
    with pytest.raises(InputError, match=words) as e:
        cut_of(good | change, "cut.json")
    assert "\n" not in str(e.value)
    (tmp_path / "c.json").write_text("{nonsense")
    for path, said in ((tmp_path / "c.json", "not a cut"), (tmp_path / "n.json", "no such file")):
        with pytest.raises(InputError, match=said):
            read_cut(path)
    with pytest.raises(InputError, match="value: missing"):
        cut_of({k: v for k, v in good.items() if k != "value"})


def run(*args):
    with pytest.raises(SystemExit) as e:
        main([str(a) for a in args])
    return e.value.code


def wide_csv(path, first, names, columns, values):
    table = {first: names} | {c: values[:, i] for i, c in enumerate(columns)}
    pl.DataFrame(table).write_csv(path)
    return path


def test_the_command_prints_writes_and_draws(tmp_path, capsys):
    names = [f"q{i}" for i in range(12)]
    ratings = wide_csv(tmp_path / "r.csv", "rater", [*"abcd", "e\x1b[31m"], names, panel(5, 12))
    answers = wide_csv(
        tmp_path / "s.csv", "model", [f"m{i}" for i in range(6)], names,
        np.random.default_rng(1).integers(0, 2, (6, 12)),
    )  # fmt: skip
    write_bank(two_pl(np.ones(12), np.linspace(-1, 1, 12), items=names), tmp_path / "b.json")
    args = ("items", "cut", "angoff", ratings, "-o", tmp_path / "cut.json")
    drawn = tmp_path / "f.svg"
    more = ("--responses", answers, "--bank", tmp_path / "b.json", "--figure", drawn)
    assert run(*args, *more) == 0
    out = capsys.readouterr().out
    assert "Acceptable above" in out
    assert "\x1b" not in out
    assert "of the subjects scored are acceptable" in out
    assert drawn.read_text().startswith("<svg")
    assert run(*args, "--json", "--items", "sampled") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["cut"] == json.loads((tmp_path / "cut.json").read_text())
    assert told["cut"]["sampled"] is True
    assert run("items", "cut", "angoff", tmp_path / "none.csv") == 2
    assert "no such file" in capsys.readouterr().err
