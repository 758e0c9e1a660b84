"""A very small ladder at its real entry point: trained, forecast, sealed, settled, taken up."""

from __future__ import annotations

import json
import shutil
import signal
from importlib.util import find_spec

import numpy as np
import polars as pl
import pytest

from calibrant._text import dumps
from calibrant.cli import main
from calibrant.errors import InputError, WeightsError
from calibrant.scaling.cards.register import read_registered
from calibrant.subjects.ladder import LADDERS, World, climb_ladder
from calibrant.subjects.ladder.chain import forecast_of
from calibrant.subjects.ladder.learn import compute_of, read
from calibrant.subjects.ladder.skills import ALPHABET, encoded
from calibrant.subjects.planted import network, training

jax = pytest.mark.skipif(find_spec("jax") is None, reason="training needs the extra 'train'")


@pytest.fixture(scope="module")
def climbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ladder") / "tiny"
    told = []
    return climb_ladder(folder, ladder="tiny", say=lambda *at: told.append(at)), folder, told


def test_what_is_planted_is_true_and_late_lines_are_late():
    world = World.drawn(3, 6, 5)
    text = "".join(ALPHABET[t] for t in world.text(20_000, 1, late=True))
    lines = set(text.split("\n"))
    sums = [line for line in lines if "+" in line]
    assert sums and all(eval(s.partition("=")[0]) == int(s[-1]) for s in sums)
    for line in (line for line in lines if line.startswith(">")):
        assert world.chain(line[1:3]) == line[1:]
    assert {line[1:4]: line[-1] for line in lines if line.startswith("?")} == world.late
    early = "".join(ALPHABET[t] for t in world.text(20_000, 1, late=False))
    assert "?" not in early
    assert World.drawn(3, 6, 5) == world and World.drawn(4, 6, 5) != world


def test_items_have_one_right_choice_and_recall_can_be_read_off():
    world = World.drawn(0, 4, 3)
    items = world.items(0, 20)
    assert len({a.id for a in items}) == len(items) == 16 + 20 + 55 + 3
    for a in (a for a in items if a.skill != "chains"):
        assert len(set(a.choices)) == 10
    for a in (a for a in items if a.skill == "recall"):
        assert f"{a.text[-1]}{a.choices[0]}" in a.text


def test_log_probabilities_of_answers_are_those_of_their_letters():
    design = LADDERS["tiny"].design(0)
    weights = network.start(design, 1, len(ALPHABET))
    asked = World.drawn(0, 4, 3).items(0, 2)
    each = [(asked[0], asked[0].choices[0]), (asked[-1], "7")]
    found, best = read(design, weights, each)
    for (a, answer), logp, top in zip(each, found, best, strict=True):
        twin, greedy, text = 0.0, True, a.text
        for letter in answer:
            told = network.logits(weights, design, encoded(text)[None])[0, -1].astype(float)
            told -= np.log(np.sum(np.exp(told)))
            twin += told[ALPHABET.index(letter)]
            greedy &= ALPHABET[int(told.argmax())] == letter
            text += letter
        assert logp == pytest.approx(twin, abs=1e-4) and top == greedy


def test_the_forecast_of_a_rung_is_a_document_that_a_card_shows():
    from calibrant.report.transfer_card import TransferCard, card_html

    rng = np.random.default_rng(0)
    rows = [
        (f"s{s}", 10.0 ** (9 + s / 2), "sums", f"i{i}", c, float(-(4 - 0.5 * s) - 2 * (c != "a")),
         int(c == "a"))
        for s in range(5) for i in range(8) for c in ("a", "b")
    ]  # fmt: skip
    columns = ["subject", "compute", "measure", "item", "choice", "logprob", "correct"]
    seen = pl.DataFrame(rows, schema=columns, orient="row").with_columns(
        pl.col("logprob") + pl.Series(0.1 * rng.standard_normal(len(rows)))
    )
    told = forecast_of(seen, "s5", "s", 10**11.5)
    assert told["distance"]["orders_of_magnitude"] == pytest.approx(0.5)
    assert len(told["history"]) == 5 * len(told["forecast"]) and told["cut"] == "scale<=1e+11"
    page = card_html(TransferCard(told))
    assert "sums: accuracy" in page and "<svg" in page
    assert "0.5 orders of magnitude" in page


@pytest.mark.slow
@jax
def test_a_ladder_is_forecast_before_its_top_is_trained_and_settled(climbed):
    found, folder, told = climbed
    assert len(found.subjects) == 5 and {name for name, *_ in told} == {
        f"tiny-0/{i}" for i in range(5)
    }
    assert found.subjects[-1].compute == compute_of(LADDERS["tiny"], 4)
    made = read_registered(folder / "registered.json")
    assert made.seal == found.seal == found.settled["seal"]
    before = pl.read_parquet(folder / "answers-before.parquet")
    assert "tiny-0/4" not in before["subject"].to_list()
    rows = {r["measure"]: r for r in found.settled["rows"]}
    after = {a.measure: a for a in found.after.ladders}
    for skill in ("chains", "recall", "sums", "late"):
        for r in after[skill].rungs:
            assert rows[f"{skill}: {r.name}"]["outcome"] == pytest.approx(r.values[-1], abs=1e-12)
    assert "intervals held" in repr(found)


@pytest.mark.slow
@jax
def test_a_finished_ladder_is_read_and_nothing_of_it_can_be_altered(climbed, tmp_path, capsys):
    found, folder, _ = climbed
    said = []
    again = climb_ladder(folder, ladder="tiny", say=lambda *at: said.append(at))
    assert dumps(again.to_dict()) == dumps(found.to_dict()) and not said
    with pytest.raises(SystemExit) as end:
        main(["forecast", "ladder", "--out", str(folder), "--ladder", "tiny", "--json"])
    out, _ = capsys.readouterr()
    assert end.value.code == 0 and json.loads(out)["seal"] == found.seal
    page = (folder / "card.html").read_text()
    assert "Registered" in page and found.seal in page

    other = tmp_path / "other"
    shutil.copytree(folder, other)
    (other / "registered.json").unlink()
    with pytest.raises(InputError, match="trained before its forecast was registered"):
        climb_ladder(other, ladder="tiny")
    with (other / "subject-0.npz").open("ab") as file:
        file.write(b"x")
    with pytest.raises(WeightsError, match="not the weights of tiny-0/0"):
        climb_ladder(other, ladder="tiny")
    with pytest.raises(InputError, match="of another ladder than tiny-1"):
        climb_ladder(folder, ladder="tiny", seed=1)


@pytest.mark.slow
@jax
def test_a_ladder_stopped_again_and_again_ends_as_one_that_was_not(climbed, tmp_path, monkeypatch):
    found, _, _ = climbed
    monkeypatch.setattr(training, "EVERY", 5)  # so that it can be stopped within tiny subjects
    waiting = [("tiny-0/1", 5), ("tiny-0/2", 10), ("tiny-0/4", 5)]

    def say(name, done, steps, loss):
        if waiting and (name, done) == waiting[0]:
            waiting.pop(0)
            signal.raise_signal(signal.SIGINT)

    stops = 0
    while True:
        try:
            again = climb_ladder(tmp_path / "tiny", ladder="tiny", say=say)
            break
        except KeyboardInterrupt:
            stops += 1
    assert stops == 3 and not waiting
    assert [s.sha256 for s in again.subjects] == [s.sha256 for s in found.subjects]
    assert again.forecast["forecast"] == found.forecast["forecast"]
    assert again.settled["rows"] == found.settled["rows"]
    assert not list((tmp_path / "tiny").glob("*checkpoint*"))


def test_wrong_folders_and_names_are_refused(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(InputError, match="wanted a new folder"):
        climb_ladder(tmp_path, ladder="tiny")
    with pytest.raises(SystemExit) as end:
        main(["forecast", "ladder", "--out", str(tmp_path / "x"), "--ladder", "high"])
    out, err = capsys.readouterr()
    assert end.value.code == 2 and not out and "wanted one of seven, tiny" in err
