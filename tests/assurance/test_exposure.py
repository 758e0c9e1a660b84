"""Evidence of exposure beside a claim: verdicts it lowers, verdicts that stand, what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from calibrant import assess, read_assessment
from calibrant.assurance.suite import parse_suite
from calibrant.contamination.evidence import ExposureTest
from calibrant.contamination.inflation.result import Inflation, term, write_inflation
from calibrant.errors import InputError
from calibrant.report.pack import pack
from calibrant.report.page import html
from calibrant.report.verify import verify

ABOVE = "- {name: a, instrument: task.py@yes, rate: includes, above: 0.70, if_really: 0.90%s}"
BELOW = "- {name: a, instrument: task.py@yes, rate: includes, below: 0.30, if_really: 0.10%s}"
EASY = "- {name: a, instrument: task.py@yes, rate: includes, above: 0.50, if_really: 0.75%s}"
NAMED = ", exposure: [evidence.json]"


def seen(folder: Path, verdict="seen", subject="rate-0.95", name="evidence.json", **more) -> Path:
    test = ExposureTest(
        method="order", subject=subject, reason="random-order", items=120, statistic=1.0,
        p=0.001 if verdict == "seen" else 0.4, alpha=0.05, verdict=verdict,
        detects="8 exposures or more are found with a chance of 90 %", **more,
    )  # fmt: skip
    path = folder / name
    path.write_text(json.dumps(test.to_dict()))
    return path


def inflation(folder: Path, value: float, error: float, subject="rate-0.95", **more) -> Path:
    reach = 1.96 * error
    given = {
        "subject": subject, "instrument": "other", "score": "includes", "design": "twins",
        "value": value, "standard_error": error, "df": None,
        "interval": (value - reach, value + reach), "level": 0.95, "observed": 0.95,
        "without": 0.95 - value, "without_interval": (0.0, 1.0), "p": 0.01,
        "reason": "random-twin", "items": 100, "references": 0,
        "terms": (term("twins", "A", error),), "method": "exact",
    } | more  # fmt: skip
    path = folder / "inflation.json"
    write_inflation(Inflation(**given), path)
    return path


def run(suite_file, tmp_path, claim, subject="standard/rate-0.95"):
    result = assess(suite_file(claim, subject=subject), out=tmp_path / "r")
    (tmp_path / "x.zip").write_bytes(pack(tmp_path / "r"))
    assert verify(tmp_path / "x.zip").verified
    assert read_assessment(tmp_path / "r") == result
    return result.claims[0]


@pytest.mark.parametrize(
    ("claim", "subject", "found", "verdict"),
    [
        (ABOVE, "rate-0.95", "seen", "undetermined"),
        (ABOVE, "rate-0.95", "differs", "supported"),
        (ABOVE, "rate-0.95", "not found", "supported"),
        (ABOVE, "rate-0.05", "seen", "refuted"),
        (BELOW, "rate-0.05", "seen", "supported"),
        (BELOW, "rate-0.95", "seen", "undetermined"),
    ],
)
def test_a_test_that_says_seen_lowers_only_what_exposure_helps(
    suite_file, tmp_path, claim, subject, found, verdict
):
    seen(tmp_path, found, subject=f"standard/{subject}")
    one = run(suite_file, tmp_path, claim % NAMED, f"standard/{subject}")
    assert one.verdict == verdict
    assert (one.exposure.lowered_from is not None) == (verdict == "undetermined")
    assert one.exposure.without is None
    said = " ".join(one.exposure.said)
    assert "That was not estimated" in said
    assert f"Was it there? order of 120 items: {found}" in said
    assert ("8 exposures or more" in said) == (found == "not found")
    if verdict == "undetermined":
        assert "the subject has seen items" in one.reason
        assert "does not decide" in one.headline
    low = (found, verdict) in (("seen", "supported"), ("seen", "refuted"))
    assert ("does not owe itself to exposure" in said) == low


def test_with_an_inflation_the_rate_without_exposure_decides(suite_file, tmp_path):
    seen(tmp_path)
    inflation(tmp_path, 0.02, 0.005)
    both = EASY % ", exposure: [evidence.json, inflation.json]"
    one = run(suite_file, tmp_path, both)
    assert one.verdict == "supported" and one.exposure.lowered_from is None
    rate = one.exposure.without
    # Half of alpha for the inflation's limits: 1.96 standard errors at 5 %.
    ends = one.exposure.evidence.inflation
    assert ends.low == pytest.approx(0.02 - 1.96 * 0.005, abs=1e-4)
    assert rate.value == pytest.approx(one.estimate.value - 0.02)
    assert 0.5 < rate.low < one.estimate.low - ends.high
    assert "What is the rate without it?" in one.exposure.said[1]
    text = html(read_assessment(tmp_path / "r"))
    assert "<h3>Exposure</h3>" in text and "Was it there" in text
    shown = re.sub(r"\s", " ", text.replace("\xa0", " "))
    assert "raises the counted rate" in shown and "Rate without exposure" in shown


@pytest.mark.parametrize(
    ("value", "error", "more"),
    [
        (0.3, 0.01, {}),
        (0.1, 0.2, {}),
        (0.2, 0.115, {"design": "bound", "interval": (0.0, 0.4),
                      "terms": (term("bound", "B", 0.115, 0.2),)}),
    ],
)  # fmt: skip
def test_a_verdict_that_inflation_could_explain_is_undetermined(
    suite_file, tmp_path, value, error, more
):
    inflation(tmp_path, value, error, **more)
    one = run(suite_file, tmp_path, ABOVE % ", exposure: inflation.json")
    assert one.verdict == "undetermined" and one.exposure.lowered_from == "supported"
    assert "exposure could explain the verdict" in one.reason
    assert one.exposure.without.low < 0.70


def test_what_is_wrong_with_evidence_is_said_before_any_trial(suite_file, tmp_path):
    def fails(text, claim=ABOVE % NAMED):
        with pytest.raises(InputError, match=text):
            assess(suite_file(claim, subject="standard/rate-0.95"), out=tmp_path / "r")

    fails("exposure: evidence.json: .*no such file")
    file = tmp_path / "evidence.json"
    file.write_text("{")
    fails("not JSON")
    file.write_text("[]")
    fails("neither a test of exposure nor an inflation")
    seen(tmp_path, subject="somebody-else")
    fails("wanted evidence about 'standard/rate-0.95', got it about 'somebody-else'")
    seen(tmp_path)
    data = json.loads(file.read_text())
    file.write_text(json.dumps(data | {"verdict": "guilty"}))
    fails("not a test of exposure: verdict")
    inflation(tmp_path, 0.1, 0.1, score="other")
    fails("wanted an inflation of 'includes'", ABOVE % ", exposure: inflation.json")
    fails("wanted a path", ABOVE % ", exposure: [3]")
    inflation(tmp_path, 0.1, 0.1)
    twice = ABOVE % ", exposure: [inflation.json, inflation.json]"
    fails("wanted one inflation", twice)
    gold = ABOVE % ", exposure: inflation.json, gold: gold.csv"
    (tmp_path / "gold.csv").write_text(
        "item,gold,judge\n" + "".join(f"{i},{i % 2},{i % 2}\n" for i in range(4000))
    )
    fails("wanted no gold beside an inflation", gold)


def test_a_run_does_not_go_on_with_other_evidence(suite_file, tmp_path):
    seen(tmp_path)
    file = suite_file(
        ABOVE % NAMED, subject="standard/rate-0.95",
        head="max_time: 2\nmodel_args: {delay_ms: 500}",
    )  # fmt: skip
    assess(file, out=tmp_path / "run")
    seen(tmp_path, "not found")
    with pytest.raises(InputError, match="not that this run began with"):
        assess(file, out=tmp_path / "run")


def test_a_claim_without_evidence_is_the_one_it_was():
    plain = {"name": "a", "instrument": "i", "rate": "x", "below": 0.3}
    suite = parse_suite({"subject": "s", "claims": [plain]}, "suite")
    named = parse_suite({"subject": "s", "claims": [plain | {"exposure": "f.json"}]}, "suite")
    assert suite.fingerprint() != named.fingerprint()
    assert suite.claims[0].exposure == () and named.claims[0].exposure == ("f.json",)
