"""What scores mean, on made-up benchmarks whose meaning is known."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from calibrant.cli import main
from calibrant.errors import InputError
from calibrant.items import read_responses, validity
from calibrant.quality.responses import of_matrix
from calibrant.quality.validity import measures_of

DATA = Path(__file__).parents[3] / "shared/data/quality"
MAKERS = "(?i)^(deepseek|meta-llama|llama|mistral|phi|qwen|claude|command|gemini|gemma|gpt)"


def call(*args):
    with pytest.raises(SystemExit) as caught:
        main(list(map(str, args)))
    return caught.value.code or 0


def made(subjects=60, seed=0, categories=4, items=12):
    """Binary items of categories that share a general ability; families of three."""
    rng = np.random.default_rng(seed)
    family = np.arange(subjects) // 3
    general = rng.normal(size=family.max() + 1)[family] + 0.6 * rng.normal(size=subjects)
    own = 0.7 * rng.normal(size=(subjects, categories))
    theta = np.repeat(general[:, None] + own, items, axis=1)
    p = 1 / (1 + np.exp(-1.2 * (theta - rng.normal(size=theta.shape[1]))))
    scores = (rng.random(p.shape) < p).astype(float)
    names = [f"maker{f}-{i}" for i, f in enumerate(family)]
    about = pl.DataFrame({
        "item": [f"q{j}" for j in range(theta.shape[1])],
        "category": np.repeat([f"c{c}" for c in range(categories)], items),
        "form": np.tile(np.repeat(["a", "b"], items // 2), categories),
    })  # fmt: skip
    return scores, names, about


@pytest.fixture
def files(tmp_path):
    scores, names, about = made()
    table = pl.DataFrame({"model": names}).hstack(
        pl.DataFrame(scores, schema=about["item"].to_list())
    )
    table.write_csv(tmp_path / "responses.csv")
    about.write_csv(tmp_path / "items.csv")
    pl.DataFrame({"model": names, "elo": 1000 + 100 * scores.mean(axis=1)}).write_csv(
        tmp_path / "elo.csv"
    )
    return tmp_path


def test_the_command_prints_tables_and_one_document(files, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    args = ("items", "validity", files / "responses.csv", "--items", files / "items.csv", "--by",
            "category", "--family-pattern", "^(maker[0-9]+)-", "--draws", "40")  # fmt: skip
    assert call(*args, "--criterion", files / "elo.csv") == 0
    out = capsys.readouterr().out
    for said in ("4 measures of 60 subjects in 20 families", "told apart", "Factors", "Kendall",
                 "Predicting elo", "noise allows", "What can go"):  # fmt: skip
        assert said in out
    figure = files / "map.svg"
    assert call(*args, "--json", "--figure", figure, "--plot", "scree") == 0
    data = json.loads(capsys.readouterr().out)
    assert {"pairs", "discriminant", "factors", "capability", "redundancy", "agreement",
            "predictions", "notes"} <= data.keys()  # fmt: skip
    assert len(data["pairs"]) == 6 and data["factors"]["factors"] >= 1
    assert figure.read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--by", "topic"), "no column 'topic'"),
        (("--by", "category", "--family", "maker"), "no column 'maker'"),
        (("--by", "category", "--reference", "zebra"), "no 'zebra'"),
        (("--by", "category", "--level", "95"), "level"),
        (("--by", "category", "--criterion", "nowhere.csv"), "nowhere.csv"),
        (("--method", "form"), "by"),
        (("--by", "category", "--family-pattern", "("), "pattern"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(files, capsys, more, said):
    args = ("items", "validity", files / "responses.csv", "--items", files / "items.csv", *more)
    assert call(*args) == 2
    err = capsys.readouterr().err
    assert said in err and "Traceback" not in err and len(err.strip().splitlines()) == 1


def test_same_seed_same_numbers(files):
    options = {"items": files / "items.csv", "by": "category", "draws": 40, "seed": 3}
    one, two = (validity(files / "responses.csv", **options).to_dict() for _ in range(2))
    assert json.dumps(one) == json.dumps(two)


def test_traits_and_methods_make_a_matrix(files, capsys):
    found = validity(files / "responses.csv", items=files / "items.csv", by="category",
                     method="form", family_pattern="^(maker[0-9]+)-",
                     parts=["discriminant"])  # fmt: skip
    assert len(found.measures) == 8 and found.mtmm is not None
    assert found.mtmm.convergent.value > found.mtmm.different.value
    assert found.mtmm.exceptions[1] == 4 * 2 * 3
    assert call("items", "validity", files / "responses.csv", "--items", files / "items.csv",
                "--by", "category", "--method", "form", "--part", "discriminant") == 0  # fmt: skip
    assert "Traits and methods" in capsys.readouterr().out
    # Nothing is known of the form: sharing it adds nothing.
    effect = found.mtmm.method_effect
    assert effect.low < 0 < effect.high


def test_few_constant_and_copied_subjects_are_named():
    scores, names, _ = made(subjects=12)
    with pytest.raises(InputError, match="at least 10 with a score"):
        measures_of(of_matrix(scores[:9]))
    scores[:, 0] = 1.0
    scores[5] = scores[8]
    found = measures_of(of_matrix(scores, subjects=names))
    assert any("same for all" in n for n in found.notes)
    assert any("one family: maker1-5, maker2-8" in n for n in found.notes)
    assert found.family[5] == found.family[8] and "item 1" not in found.names


def test_gaps_count_neither_for_nor_against():
    scores, names, about = made(subjects=30, categories=2)
    easy = int(np.argmax(scores[:, :12].mean(axis=0)))
    scores[0, easy] = np.nan
    scores[1, :12] = np.nan
    table = pl.DataFrame({"model": names}).hstack(
        pl.DataFrame(scores, schema=about["item"].to_list())
    )
    responses = read_responses(table, items=about)
    found = measures_of(responses, by="category")
    assert names[1] not in found.subjects
    assert any("left out" in n for n in found.notes)
    # A subject without an easy item scores as its other items say, given how hard they are.
    rest = np.delete(scores[0, :12], easy).mean()
    assert found.values[0, 0] > rest
    np.testing.assert_allclose(found.values[1, 0], scores[2, :12].mean(), atol=0.02)


def test_facts_of_livebench():
    if not (DATA / "livebench_items.csv").exists():
        pytest.skip("the reference data are not at hand")
    found = validity(DATA / "livebench_complete_block.csv", items=DATA / "livebench_items.csv",
                     by="category", family_pattern=MAKERS,
                     parts=["discriminant", "factors", "redundancy"], draws=60)  # fmt: skip
    assert found.factors.factors == 1 and found.factors.share == pytest.approx(0.88, abs=0.005)
    by = {p.measure: p for p in found.redundancy.predicted}
    assert by["coding"].r_squared.value > by["instruction_following"].r_squared.value
    assert len(found.discriminant) == 15
