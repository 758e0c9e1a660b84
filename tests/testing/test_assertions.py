"""Claims and comparisons as assertions: what passes, what fails, and what the failure says."""

import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from calibrant import read_assessment
from calibrant.errors import InputError
from calibrant.records import trials_frame, write_parquet
from calibrant.testing import (
    ClaimNotSupported,
    Regression,
    assert_no_regression,
    assert_supported,
    claims,
    regression,
)


@pytest.fixture(autouse=True)
def noted(monkeypatch):
    """The lines for the summary, kept out of that of this very run."""
    lines = []
    monkeypatch.setattr(claims, "note", lines.append)
    monkeypatch.setattr(regression, "note", lines.append)
    return lines


def test_importing_the_plugin_is_cheap():
    code = (
        "import sys, calibrant.testing.plugin\n"
        "heavy = {'inspect_ai', 'numpy', 'polars', 'scipy', 'pydantic', 'rich', 'yaml', 'click'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_supported_claim_passes_and_is_noted(mixed_run, noted):
    a = assert_supported(mixed_run, "low")
    assert a == read_assessment(mixed_run)
    assert assert_supported(mixed_run / "assessment.json", "low") == a
    assert assert_supported(a, "low") is a
    assert len(noted) == 3
    assert noted[0].startswith("✓ supported low: ")


def test_a_refuted_claim_fails_with_its_numbers(mixed_run):
    with pytest.raises(ClaimNotSupported) as caught:
        assert_supported(mixed_run, "low", "made", undetermined="pass")
    assert isinstance(caught.value, AssertionError)
    assert caught.value.assessment == read_assessment(mixed_run)
    head, line, headline, reason = str(caught.value).splitlines()
    claim = read_assessment(mixed_run).claims[3]
    assert head.startswith("1 claim is not supported (standard/rate-0.10 by suite")
    assert line.strip().startswith("✗ refuted made: ")
    assert headline.strip() == claim.headline
    assert reason.strip() == claim.reason


def test_all_claims_are_meant_if_none_is_named(mixed_run, noted):
    with pytest.raises(ClaimNotSupported, match="3 claims are not supported"):
        assert_supported(mixed_run)
    assert len(noted) == 4


def test_an_undetermined_claim_fails_skips_or_passes(mixed_run):
    with pytest.raises(ClaimNotSupported, match="undetermined open"):
        assert_supported(mixed_run, "open")
    with pytest.raises(pytest.skip.Exception, match="undetermined open"):
        assert_supported(mixed_run, "open", undetermined="skip")
    assert_supported(mixed_run, "open", undetermined="pass")
    with pytest.raises(InputError, match="wanted fail, skip or pass"):
        assert_supported(mixed_run, "open", undetermined="ignore")


def test_wrong_names_and_sources_are_input_errors(mixed_run, tmp_path):
    with pytest.raises(InputError, match="no claim 'lov'; did you mean 'low'"):
        assert_supported(mixed_run, "lov")
    with pytest.raises(InputError, match="no assessment"):
        assert_supported(tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        assert_supported(tmp_path / "no.yaml")
    with pytest.raises(InputError, match="subject: wanted a suite to assess"):
        assert_supported(mixed_run, subject="x/y")
    data = json.loads((mixed_run / "assessment.json").read_text()) | {"verdict": "supported"}
    (tmp_path / "a.json").write_text(json.dumps(data))
    with pytest.raises(InputError, match="which the claims add up to"):
        assert_supported(tmp_path / "a.json", "low")


def test_a_suite_is_assessed_once_for_all_its_tests(suite_file, tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "_made", {})
    file = suite_file(
        """
        - {name: a, instrument: task.py@yes, rate: includes, below: 0.30, at_most: 60}
        - {name: b, instrument: task.py@yes, rate: includes, below: 0.35, at_most: 60}
        """
    )
    first = assert_supported(file, "a", out=tmp_path / "run", subject="standard/rate-0.0")
    assert assert_supported(file, "b", out=tmp_path / "run", subject="standard/rate-0.0") is first
    assert first.subject == "standard/rate-0.0"
    assert (tmp_path / "run" / "report.html").is_file()
    with pytest.raises(ClaimNotSupported):
        assert_supported(file, "a", out=tmp_path / "other", subject="standard/rate-1.0")
    assert len(claims._made) == 2


def table(a, b, *, missing=()):
    """Trials of two subjects on the same items; `missing` are items `new` has no score for."""
    rows = []
    for name, scores in (("old", a), ("new", b)):
        for i, score in enumerate(scores):
            gone = name == "new" and i in missing
            rows.append(
                {
                    "subject": name, "instrument": "task", "item": f"i{i}", "epoch": 1,
                    "grader": "match", "score": None if gone else float(score),
                    "error": "timeout" if gone else None,
                }
            )  # fmt: skip
    return trials_frame(rows)


OLD = np.arange(400) % 5 > 0
SAME = table(OLD, OLD)
WORSE = table(OLD, OLD & (np.arange(400) % 4 > 0))


def test_an_equal_candidate_passes(tmp_path, noted):
    [c] = assert_no_regression(SAME, "old", "new", margin=0.02)
    assert (c.a, c.b) == ("new", "old")
    assert c.comparison.narrow.low > -0.02
    [line] = noted
    assert line.startswith("✓ new against old, match on task: +0")
    write_parquet(SAME, tmp_path / "t.parquet")
    assert_no_regression(tmp_path / "t.parquet", "old", "new", margin=0.02)
    parts = [SAME.filter(pl.col("subject") == s) for s in ("old", "new")]
    assert_no_regression(parts, "old", "new", margin=0.02)


def test_a_worse_candidate_fails_with_the_numbers():
    with pytest.raises(Regression) as caught:
        assert_no_regression(WORSE, "old", "new", margin=0.05)
    [c] = caught.value.comparisons
    assert isinstance(caught.value, AssertionError)
    head, line = str(caught.value).splitlines()
    assert head == "1 of 1 comparisons do not rule out a regression"
    assert line.strip().startswith("✗ new against old, match on task: -0.2, ")
    assert f"0.95 bound {c.comparison.narrow.low:+.4g}, wanted above -0.05, 400 items" in line
    assert line.endswith("worse by the margin or more")


def test_the_direction_of_a_score_can_be_turned_round():
    assert_no_regression(WORSE, "old", "new", margin=0.05, higher_is_better=False)
    with pytest.raises(Regression, match=r"wanted below \+0.05.*worse by the margin"):
        assert_no_regression(WORSE, "new", "old", margin=0.05, higher_is_better=False)


def test_too_few_items_do_not_rule_out_a_loss():
    small = table(OLD[:40], OLD[:40])
    with pytest.raises(Regression, match="a loss of the margin is not ruled out"):
        assert_no_regression(small, "old", "new", margin=0.02)


def test_a_candidate_does_not_pass_by_failing_on_what_is_hard():
    lost = {i for i in range(400) if i % 8 == 0}
    holes = table(OLD, OLD, missing=lost)
    with pytest.raises(Regression, match=r"50 of 400 items lack a score.*12\.5%, at most 5\.0%"):
        assert_no_regression(holes, "old", "new", margin=0.03)
    assert_no_regression(holes, "old", "new", margin=0.03, max_left_out=0.2)


@pytest.mark.parametrize("margin", [0, -0.1, float("nan"), float("inf")])
def test_a_margin_that_is_none_is_refused(margin):
    with pytest.raises(InputError, match="margin"):
        assert_no_regression(SAME, "old", "new", margin=margin)


def test_other_wrong_input_is_refused():
    with pytest.raises(InputError, match="max_left_out"):
        assert_no_regression(SAME, "old", "new", margin=0.02, max_left_out=2)
    with pytest.raises(InputError, match="wanted at least one path or table"):
        assert_no_regression([], "old", "new", margin=0.02)
    with pytest.raises(InputError, match="no trials of 'newer'"):
        assert_no_regression(SAME, "old", "newer", margin=0.02)
