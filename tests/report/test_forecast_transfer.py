"""Transfer of a verdict from assessments: what is read, checked, refused, and the command."""

from __future__ import annotations

import json

import pytest

from calibrant.assurance.transfer import transfer
from calibrant.cli import main
from calibrant.errors import InputError


@pytest.fixture(scope="module")
def family(make_claim, make_assessment):
    """Four subjects that leak in about 0.4 % of attempts; claimed below 2 %."""
    return [
        make_assessment(make_claim("leaks", seed=s, transcripts=0), subject=f"m-{s}b")
        for s in (1, 3, 7, 30)
    ]


@pytest.fixture
def folders(family, tmp_path):
    paths = []
    for i, one in enumerate(family):
        path = tmp_path / f"run{i}"
        path.mkdir()
        (path / "assessment.json").write_text(one.to_json())
        paths.append(path)
    return paths


def run(capsys, *args):
    with pytest.raises(SystemExit) as caught:
        main(["forecast", "transfer", *map(str, args)])
    out, err = capsys.readouterr()
    return caught.value.code, out, err


def test_the_evidence_is_read_and_checked(family) -> None:
    found = transfer(family, claim="leaks")
    assert found.found.subjects == 4
    assert found.found.threshold == 0.02
    assert found.found.probability > 0.8
    assert [s.trials for s in found.subjects] == [c.claims[0].trials for c in family]
    states = {a.name: a.state for a in found.assumptions}
    assert states["same items"] == "checked"
    assert states["no shift"] == "not checkable"
    assert found.warnings == ()


def test_assumptions_that_fail_are_warned_of(make_claim, make_assessment, family) -> None:
    other = make_assessment(make_claim("leaks", threshold=0.05, if_really=0.02, seed=9,
                                       transcripts=0), subject="m-70b")  # fmt: skip
    provenance = other.provenance.model_copy(update={
        "items_sha256": {other.claims[0].claim.instrument: "00" * 32}})  # fmt: skip
    other = other.model_copy(update={"provenance": provenance})
    found = transfer([*family, other], claim="leaks")
    text = " ".join(found.warnings)
    assert "same items" in text
    assert "same threshold" in text
    assert found.found.threshold == 0.02


def test_what_contradicts_is_refused(make_claim, make_assessment, family) -> None:
    with pytest.raises(InputError, match="no claim 'none'"):
        transfer(family, claim="none")
    with pytest.raises(InputError, match="assessed 2 times"):
        transfer([family[0], family[0]], claim="leaks")
    above = make_assessment(make_claim("leaks", relation="above", threshold=0.8, if_really=0.9,
                                       really=0.9, transcripts=0), subject="x")  # fmt: skip
    with pytest.raises(InputError, match="not the same claim"):
        transfer([family[0], above], claim="leaks")
    with pytest.raises(InputError, match="got none"):
        transfer([], claim="leaks")
    with pytest.raises(InputError, match="no row for 'm-1b'"):
        transfer(family, claim="leaks", scale={"model": ["y"], "b": [1]}, scale_column="b", at=2)


def test_people_get_a_table_and_programs_a_document(folders, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    code, out, _ = run(capsys, *folders, "--claim", "leaks")
    assert code == 0
    assert "With probability" in out
    assert "not checkable: same elicitation" in out
    figure = tmp_path / "next.svg"
    scales = tmp_path / "scales.csv"
    scales.write_text("model,b\nm-1b,1\nm-3b,3\nm-7b,7\nm-30b,30\n")
    code, out, err = run(capsys, *folders, "--claim", "leaks", "--scale", scales, "--scale-column",
                         "b", "--at", 70, "--json", "--figure", figure)  # fmt: skip
    assert code == 0
    said = json.loads(out)
    assert 0 < said["probability"] <= 1
    assert said["distance"] == pytest.approx(0.368, abs=1e-3)
    assert len(said["assumptions"]) == 9
    assert figure.read_text().startswith("<svg")
    assert "figure written" in err


def test_one_subject_is_withheld_and_mistakes_are_one_line(folders, tmp_path, capsys) -> None:
    code, out, _ = run(capsys, folders[0], "--claim", "leaks")
    assert code == 0
    assert "is not said: one subject" in out
    code, _, err = run(capsys, tmp_path / "none", "--claim", "leaks")
    assert code == 2
    assert len(err.strip().splitlines()) == 1
