"""Suites: what they mean, and that what is wrong is said in one line before any call."""

import pytest

from calibrant.assurance.assess import plan_suite
from calibrant.assurance.suite import parse_suite, read_suite
from calibrant.errors import CalibrantError, InputError

CLAIM = "- {name: a, instrument: calibrant/arithmetic, rate: correct, below: 0.3, if_really: 0.1}"


def write(tmp_path, text):
    file = tmp_path / "s.yaml"
    if isinstance(text, bytes):
        file.write_bytes(text)
    else:
        file.write_text(text)
    return file


def suite_text(claim=CLAIM, head=""):
    return f"subject: standard/rate-0.1\n{head}\nclaims:\n  {claim}\n"


def test_defaults_are_filled_in(tmp_path):
    suite, text = read_suite(write(tmp_path, suite_text()))
    claim = suite.claims[0]
    assert (claim.alpha, claim.beta, suite.seed, suite.name) == (0.05, 0.10, 0, "s")
    assert claim.relation == "below"
    assert "subject" in text


def test_overrides_replace_what_the_file_says(tmp_path):
    suite, _ = read_suite(write(tmp_path, suite_text()), seed=9, subject=None)
    assert suite.seed == 9
    assert suite.subject == "standard/rate-0.1"


def test_a_score_may_name_the_value_that_counts(tmp_path):
    claim = CLAIM.replace("rate: correct", "rate: correct=I")
    suite, _ = read_suite(write(tmp_path, suite_text(claim)))
    assert (suite.claims[0].score, suite.claims[0].counts) == ("correct", "I")


@pytest.mark.parametrize(
    ("time", "seconds"), [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200), (5, 5)]
)
def test_times_are_read(tmp_path, time, seconds):
    suite, _ = read_suite(write(tmp_path, suite_text(head=f"max_time: {time}")))
    assert suite.max_time == seconds


def test_the_fingerprint_leaves_out_what_does_not_change_the_trials(tmp_path):
    file = write(tmp_path, suite_text())
    base = read_suite(file)[0].fingerprint()
    assert read_suite(file, max_connections=9)[0].fingerprint() == base
    assert read_suite(file, max_time="5m")[0].fingerprint() == base
    assert read_suite(file, seed=1)[0].fingerprint() != base


BAD = [
    ("", "the file is empty"),
    (b"\x00\xff\xfe\x12", "not a text file"),
    ("a: [1, 2", "line 1: not valid YAML"),
    ("- 1\n- 2\n", "wanted keys such as 'subject', got list"),
    ("subjct: x\n", "unknown key 'subjct'; did you mean 'subject'?"),
    ("claims: []\nsubject: x\n", "claims: Tuple should have at least 1 item"),
    ("subject: standard/rate-0.1\n", "claims: missing"),
    (suite_text(CLAIM.replace("below", "bellow")), "claim 1: unknown key 'bellow'; did you mean"),
    (suite_text(CLAIM.replace("0.3", "1.3")), "claim 'a': below: wanted a rate between 0 and 1"),
    (suite_text(CLAIM.replace("0.3", "30%")), "claim 'a': below: Input should be a valid number"),
    (suite_text(CLAIM.replace("0.1", "0.4")), "if_really: wanted a rate below the threshold 0.3"),
    (suite_text(CLAIM.replace("below", "above")), "if_really: wanted a rate above the threshold"),
    (suite_text(CLAIM.replace("}", ", above: 0.1}")), "wanted one of 'below' and 'above'"),
    (suite_text(CLAIM.replace("}", ", alpha: 0.7}")), "alpha: wanted an error rate between"),
    (suite_text(CLAIM.replace("}", ", at_most: 0}")), "at_most: wanted a number of trials"),
    (suite_text(CLAIM.replace("}", ", at_most: 4}")), "claim 'a': at_most 4 is too few"),
    (suite_text(CLAIM.replace("correct", "corect")), "no score 'corect'; it gives correct"),
    (suite_text(CLAIM.replace("arithmetic", "arithmetics")), "did you mean 'arithmetic'"),
    (suite_text(CLAIM.replace("calibrant/arithmetic", "nowhere.py@x")), "no such file"),
    (suite_text(CLAIM.replace("calibrant/arithmetic", "inspect_evalz/x")), "no such installed"),
    (suite_text(CLAIM + "\n  " + CLAIM), "two are named 'a'"),
    (suite_text(head="max_time: soon"), "max_time: wanted seconds or a text such as 30m"),
    (suite_text(head="generate: {temprature: 1}"), "generate: Unknown GenerateConfig field"),
    (suite_text().replace("standard/rate-0.1", "openai/gpt-4o"), "OPENAI_API_KEY"),
    (suite_text().replace("standard/rate-0.1", "nosuch/model"), "nosuch"),
    (suite_text().replace("standard/rate-0.1", "standard/rate-7"), "wanted rate-P"),
    (suite_text().replace("standard/rate-0.1", "local/smollm2"), "smollm2"),
    (
        suite_text(head="max_cost: 3").replace("standard/rate-0.1", "openai/gpt-4o"),
        "max_cost: wanted 'price",
    ),
]


@pytest.mark.parametrize(("text", "message"), BAD, ids=[m[:40] for _, m in BAD])
def test_what_is_wrong_is_said_in_one_line(tmp_path, monkeypatch, text, message):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    file = write(tmp_path, text)
    with pytest.raises(CalibrantError) as caught:
        plan_suite(file)
    said = str(caught.value)
    assert message in said
    assert "\n" not in said
    assert len(said) < 600


def test_a_folder_and_a_missing_file_are_no_suite(tmp_path):
    with pytest.raises(InputError, match="wanted a suite file, got a folder"):
        read_suite(tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        read_suite(tmp_path / "none.yaml")


def test_hostile_keys_are_shown_harmless():
    with pytest.raises(InputError) as caught:
        parse_suite({"\x1b[31mred": 1}, "s.yaml")
    assert "\x1b" not in str(caught.value)


def test_a_plan_says_what_a_suite_would_take_and_calls_nothing(tmp_path):
    head = "price: {input: 1.0, output: 2.0}"
    plan = plan_suite(write(tmp_path, suite_text(head=head)))
    data = plan.to_dict()
    claim = data["claims"][0]
    assert claim["expected_trials"] < claim["fixed_trials"] <= claim["at_most"]
    assert claim["false_support"] <= 0.05
    assert claim["power"] >= 0.9
    assert 0 < data["cost_expected"] < data["cost_at_most"]
