"""`calibrant contamination test`: verdicts for people and programs, one line for mistakes."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibrant.cli import main
from calibrant.contamination.tokens import TokenScores, token_scores, write_scores

_TEXT = "ada buys seven red apples for three coins and sells nine pears in town"
WORDS = _TEXT.split()


def run(capsys: Any, *args: Any) -> tuple[Any, str, str]:
    """The exit code, what was printed, and what was said aside."""
    with pytest.raises(SystemExit) as caught:
        main(["contamination", "test", *map(str, args)])
    out, err = capsys.readouterr()
    return caught.value.code, out, err


def scored(subject: str, seed: int, **easier: float) -> TokenScores:
    """40 items in each form, by how much easier each form is; the texts hang on the form."""
    rng, rows = np.random.default_rng(seed), []
    for form, shift in easier.items():
        for i in range(40):
            words = np.random.default_rng([i, len(form)]).choice(WORDS, 12 + i % 7)
            item = f"i{i}" if form != "held" else f"h{i}"
            logprob = np.minimum(rng.normal(-3 + shift, 1, 20), -0.01)
            rows.append(
                {"item": item, "text": " ".join(words), "form": form, "logprob": logprob.tolist(),
                 "rank": rng.integers(0, 3, 20).tolist()}
            )  # fmt: skip
    return token_scores(rows, subject=subject, tokenizer="bpe", prefix="<s>")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_scores(scored("tiny", 1, verbatim=0.5, twin=0.0, held=0.0), tmp_path / "tiny.parquet")
    write_scores(scored("clean", 2, verbatim=0.0, twin=0.0, held=0.0), tmp_path / "clean.parquet")
    return tmp_path


TWIN = ("--method", "twin", "--reason", "random-twin")
SPLIT = ("--method", "split", "--reason", "random-split", "--against", "held")


def test_people_get_a_verdict_its_reason_and_a_figure(folder: Path, capsys: Any) -> None:
    code, out, err = run(
        capsys, folder / "tiny.parquet", *SPLIT, "--figure", folder / "f.svg", "--effect", 0.5
    )
    assert code == 0
    for word in ("seen", "valid if which items were published was drawn at random", "AUROC",
                 "blind baseline", "scored after '<s>'", "would find in 80% of cases",
                 "power for a shift of 0.5"):  # fmt: skip
        assert word in out
    assert "figure written" in err
    assert "observed" in (folder / "f.svg").read_text()


def test_programs_get_one_document(folder: Path, capsys: Any) -> None:
    code, out, _ = run(
        capsys, folder / "tiny.parquet", *TWIN, "--signal", "loss", "--signal", "min-k",
        "--signal", "tail-top1", "--json",
    )  # fmt: skip
    assert code == 0
    tests = json.loads(out)["tests"]
    assert [t["detail"]["signal"] for t in tests] == ["loss", "min-k", "tail-top1"]
    assert tests[0]["verdict"] == "seen"
    assert tests[0]["p"] > tests[0]["detail"]["alone"]
    assert tests[0]["detail"]["prefix"] == "<s>"
    assert tests[2]["verdict"] == "not found"


def test_a_clean_subject_is_not_accused(folder: Path, capsys: Any) -> None:
    for method in (TWIN, SPLIT):
        code, out, _ = run(capsys, folder / "clean.parquet", *method)
        assert code == 0
        assert "not found" in out
        assert "no evidence of absence" in out


def test_groups_may_stand_in_a_table(folder: Path, capsys: Any) -> None:
    table = folder / "groups.csv"
    rows = [f"i{i},{'published' if i % 2 else 'held-out'},c{i % 4}.{i % 2}" for i in range(40)]
    table.write_text("\n".join(["id,group,family", *rows]) + "\n")
    code, out, _ = run(
        capsys, folder / "clean.parquet", "--method", "split", "--reason", "random-split",
        "--items", table, "--group", "group", "--cluster-column", "family", "--json",
    )  # fmt: skip
    assert code == 0
    found = json.loads(out)["tests"][0]
    assert found["detail"]["units"] == {"published": 2, "held out": 2}
    assert found["verdict"] == "undetermined"
    code, _, err = run(capsys, folder / "clean.parquet", *SPLIT, "--items", table)
    assert code == 2
    assert "--group" in err
    table.write_text("id,group\ni1,perhaps\n")
    code, _, err = run(capsys, folder / "clean.parquet", *SPLIT, "--items", table,
                       "--group", "group")  # fmt: skip
    assert code == 2
    assert "'perhaps'" in err


def test_a_reference_subject_takes_out_what_is_easy(folder: Path, capsys: Any) -> None:
    both = (folder / "tiny.parquet", folder / "clean.parquet")
    code, out, _ = run(capsys, *both, *TWIN, "--signal", "reference", "--json")
    assert code == 0
    assert json.loads(out)["tests"][0]["subject"] == "tiny"
    code, out, _ = run(
        capsys, *both, "--method", "reference", "--reason", "unexposed-reference", "--subject",
        "clean", "--json",
    )  # fmt: skip
    assert code == 0
    assert json.loads(out)["tests"][0]["verdict"] == "undetermined"


def test_every_other_method_runs(folder: Path, capsys: Any) -> None:
    for method, reason, against in (
        ("rank", "random-split", "held"), ("combined", "random-split", "held"),
        ("canary", "random-canary", "held"), ("paraphrase", "random-twin", "twin"),
    ):  # fmt: skip
        code, out, _ = run(
            capsys, folder / "tiny.parquet", "--method", method, "--reason", reason, "--against",
            against, "--draws", 299, "--signal", "loss", "--signal", "zlib", "--json",
        )  # fmt: skip
        assert code == 0
        assert json.loads(out)["tests"][0]["verdict"] == "seen", method


def test_answers_are_enough(folder: Path, capsys: Any) -> None:
    table = folder / "answers.csv"
    rows = [f"i{i},{form},{int(form == 'verbatim' or i % 3 == 0)}"
            for i in range(30) for form in ("verbatim", "twin")]  # fmt: skip
    table.write_text("\n".join(["id,form,right", *rows]) + "\n")
    code, out, _ = run(
        capsys, table, "--method", "correct-twin", "--reason", "random-twin", "--correct", "right"
    )
    assert code == 0
    assert "seen" in out
    rows = [f"i{i},{WORDS[i % 7]} {WORDS[i % 5]},{i % 2},{int(i % 8 != 0)}" for i in range(40)]
    table.write_text("\n".join(["id,question,public,right", *rows]) + "\n")
    code, out, _ = run(
        capsys, table, "--method", "correct", "--reason", "random-split", "--correct", "right",
        "--group", "public", "--json",
    )  # fmt: skip
    assert code == 0
    assert json.loads(out)["tests"][0]["blind"]


class Alphabet:
    """Finds letters likely that follow the one before."""

    name = "alphabet"

    def score(self, texts: Any, *, items: Any = (), form: str = "verbatim") -> TokenScores:
        rows = [
            {"item": i, "text": t, "form": form,
             "logprob": [-1.0 - (b < a) for a, b in pairwise(" " + t.replace("\n", ""))]}
            for i, t in zip(items, texts, strict=True)
        ]  # fmt: skip
        return token_scores(rows, subject=self.name, tokenizer="letters", prefix="<s>")

    def close(self) -> None:
        """Nothing to let go."""


def test_orders_are_scored_live(folder: Path, capsys: Any, monkeypatch: Any) -> None:
    import calibrant.subjects.logprobs as home

    monkeypatch.setattr(home, "scorer_of", lambda name, **_: Alphabet())
    items = folder / "items.jsonl"
    lines = [json.dumps({"id": f"q{i}", "question": chr(97 + i), "public": i % 2})
             for i in range(24)]  # fmt: skip
    items.write_text("\n".join(lines) + "\n")
    code, out, _ = run(
        capsys, items, "--subject", "tiny/alphabet", "--method", "order", "--reason",
        "random-order", "--shards", 4, "--permutations", 9, "--json",
    )  # fmt: skip
    assert code == 0
    found = json.loads(out)["tests"][0]
    assert (found["verdict"], found["items"], found["subject"]) == ("seen", 24, "alphabet")
    code, out, err = run(
        capsys, items, "--subject", "tiny/alphabet", "--method", "split", "--reason",
        "random-split", "--group", "public", "--json",
    )  # fmt: skip
    assert code == 0, err
    assert json.loads(out)["tests"][0]["items"] == 24


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("tiny.parquet", "--method", "twin"), "--reason"),
        (("tiny.parquet", "--method", "twin", "--reason", "random-split"), "random-twin"),
        (("nothing.parquet", *TWIN), "no such file"),
        (("tiny.parquet", *TWIN, "--alpha", "0.9"), "0<x<0.5"),
        (("tiny.parquet", *TWIN, "--against", "other"), "no texts of form 'other'"),
        (("tiny.parquet", *TWIN, "--signal", "min-k++"), "whole vocabulary"),
        (("tiny.parquet", *TWIN, "--signal", "reference"), "one other subject"),
        (("tiny.parquet", *TWIN, "--subject", "who"), "there are tiny"),
        (("tiny.parquet", *TWIN, "--skip", "20"), "none after the first 20"),
        (("tiny.parquet", "--method", "order", "--reason", "random-order"), "--subject"),
        (("tiny.parquet", "--method", "correct", "--reason", "random-split"), "--correct"),
        (("tiny.parquet", "tiny.parquet", *TWIN), "text twice"),
        (("tiny.parquet", *TWIN, "--figure", "f.txt"), "figure to end in"),
        (("broken.parquet", *TWIN), "not a table"),
    ],
)
def test_mistakes_are_told_in_one_line(
    folder: Path, capsys: Any, monkeypatch: Any, args: Any, said: str
) -> None:
    monkeypatch.chdir(folder)
    (folder / "broken.parquet").write_bytes(b"PAR1 not")
    code, out, err = run(capsys, *args)
    assert code == 2
    assert out == ""
    assert said in err
    assert len(err.strip().splitlines()) == 1


def test_texts_without_log_probabilities_are_refused_or_dropped(folder: Path, capsys: Any) -> None:
    scores = scored("gaps", 3, verbatim=1.0, twin=0.0)
    scores.logprob[45] = np.nan
    write_scores(scores, folder / "gaps.parquet")
    code, _, err = run(capsys, folder / "gaps.parquet", *TWIN)
    assert code == 2
    assert "item 'i2' (1 of 20 tokens without a log-probability)" in err
    code, out, _ = run(capsys, folder / "gaps.parquet", *TWIN, "--missing", "drop", "--json")
    assert code == 0
    found = json.loads(out)["tests"][0]
    assert found["items"] == 39
    assert any("left out: 'i2'" in note for note in found["notes"])
