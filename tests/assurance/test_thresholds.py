"""Thresholds from cut files: what a suite takes from them, and what it says of them."""

import numpy as np
import pytest

from calibrant.assurance.suite import parse_suite, read_suite
from calibrant.assurance.words import assumptions, statement
from calibrant.errors import InputError
from calibrant.quality.cuts.angoff import angoff
from calibrant.quality.cuts.cut import write_cut


def cut(direction="above", shift=0.0):
    rng = np.random.default_rng(1)
    y = 0.6 + shift + rng.normal(0, 0.05, (8, 1)) + rng.normal(0, 0.1, (8, 20))
    return angoff(np.clip(y, 0, 1), direction=direction).cut


def suite(tmp_path, threshold, more=""):
    path = tmp_path / "s.yaml"
    path.write_text(
        "subject: mockllm/model\nclaims:\n  - name: good enough\n    instrument: x\n"
        f"    rate: right\n    {threshold}\n{more}"
    )
    return path


def test_a_claim_takes_its_threshold_from_a_cut(tmp_path):
    found = cut()
    write_cut(found, tmp_path / "cut.json")
    read, text = read_suite(suite(tmp_path, "above: cut.json"))
    claim = read.claims[0]
    assert claim.threshold == found.value
    assert claim.cut.origin == "angoff by 8 raters on 20 items"
    assert "cut.json" in text
    said = statement(claim, "x", None)
    assert "cut by angoff by 8 raters on 20 items, standard error 1." in said
    # What a run keeps is the same suite again.
    assert parse_suite(read.model_dump(mode="json"), "run.json") == read


def test_the_limit_of_the_interval_makes_a_claim_harder(tmp_path):
    found = cut()
    write_cut(found, tmp_path / "cut.json")
    read, _ = read_suite(suite(tmp_path, "above: {cut: cut.json, side: upper}"))
    assert read.claims[0].threshold == found.high
    assert "upper 95 % limit of the cut by angoff" in statement(read.claims[0], "x", None)
    below = cut("below", -0.4)
    write_cut(below, tmp_path / "low.json")
    read, _ = read_suite(suite(tmp_path, "below: {cut: low.json, side: lower}"))
    assert read.claims[0].threshold == below.low < below.value


@pytest.mark.parametrize(
    ("threshold", "words"),
    [
        ("above: {cut: cut.json, side: lower}", "would make the claim easier"),
        ("below: cut.json", "says that above it is acceptable, the claim says below"),
        ("above: none.json", "no such file"),
        ("above: bad.json", "not a cut"),
        ("above: {cut: cut.json, sid: lower}", "unknown key 'sid'"),
        ("above: {side: lower}", "cut: wanted a path, got None"),
        ("above: {cut: cut.json, side: left}", "side: wanted value, lower or upper"),
        ("above: 0.5\n    cut: cut.json", "unknown key 'cut'"),
        ("above: cut.json\n    if_really: 0.3", "if_really: wanted a rate above the threshold"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, threshold, words):
    write_cut(cut(), tmp_path / "cut.json")
    (tmp_path / "bad.json").write_text('{"a": 1}')
    with pytest.raises(InputError, match=words) as e:
        read_suite(suite(tmp_path, threshold))
    assert "\n" not in str(e.value)
    assert "good enough" in str(e.value)


def test_a_changed_cut_is_another_suite_and_a_plain_threshold_the_old_one(tmp_path):
    write_cut(cut(), tmp_path / "cut.json")
    path = suite(tmp_path, "above: cut.json")
    first = read_suite(path)[0].fingerprint()
    assert read_suite(path)[0].fingerprint() == first
    text = (tmp_path / "cut.json").read_text()
    (tmp_path / "cut.json").write_text(text + " ")
    assert read_suite(path)[0].fingerprint() != first
    plain = read_suite(suite(tmp_path, "above: 0.6"))[0]
    # As it was before claims could name cuts.
    assert plain.claims[0].cut is None
    assert '"cut"' not in str(plain.fingerprint())


def test_a_forged_threshold_is_refused(tmp_path):
    write_cut(cut(), tmp_path / "cut.json")
    read, _ = read_suite(suite(tmp_path, "above: cut.json"))
    forged = read.model_dump(mode="json")
    forged["claims"][0]["above"] = 0.2
    with pytest.raises(InputError, match="cut: wanted a threshold of"):
        parse_suite(forged, "run.json")


@pytest.mark.parametrize(
    ("given", "words"),
    [("above: cut.json", "taken as exact"),
     ("above: {cut: cut.json, side: upper}", "at most about 7.5 %")],
)  # fmt: skip
def test_an_assumption_says_what_the_cut_adds(tmp_path, given, words):
    from calibrant.assurance.words import _of_the_cut

    write_cut(cut(), tmp_path / "cut.json")
    claim = read_suite(suite(tmp_path, given))[0].claims[0]
    assert words in _of_the_cut(claim.cut, claim.alpha)
    assert callable(assumptions)
