"""JUnit, SARIF and Markdown: what CI servers and forges are given, hostile text and all."""

import json
import re
from xml.etree import ElementTree

import pytest

from calibrant import read_assessment
from calibrant.assurance.assessment import read_assessment as read
from calibrant.errors import InputError
from calibrant.report.exports import FORMATS, export, facts, junit, markdown, sarif
from calibrant.report.exports.source import Run, read_run

ATTRIBUTES = {
    "testsuites": {"name", "tests", "failures", "errors"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time"},
    "testcase": {"name", "classname", "time"},
    "property": {"name", "value"},
    "failure": {"message", "type"},
    "error": {"message", "type"},
    "skipped": {"message"},
}
"""What both schemas allow (Surefire's has no testsuites)."""

ORDER = {
    "testsuites": ["testsuite"],
    "testsuite": ["properties", "testcase"],
    "properties": ["property"],
    "testcase": ["failure", "skipped", "error", "system-out"],
}


def check_junit(data: bytes) -> ElementTree.Element:
    """The root, if attributes and the order of elements are those of the schemas."""
    root = ElementTree.fromstring(data)
    for element in root.iter():
        assert set(element.attrib) <= ATTRIBUTES.get(element.tag, set()), element.tag
        order = [ORDER[element.tag].index(child.tag) for child in element]
        assert order == sorted(order)
    for case in root.iter("testcase"):
        assert {"name", "time"} <= set(case.attrib)
    for suite in root.iter("testsuite"):
        cases = suite.findall("testcase")
        assert int(suite.attrib["tests"]) == len(cases)
        for tag, total in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            assert int(suite.attrib[total]) == sum(c.find(tag) is not None for c in cases)
        assert re.fullmatch(r"\d+\.\d{3}", suite.attrib["time"])
    return root


def test_junit_has_a_test_case_per_claim(mixed_run):
    assessment = read_assessment(mixed_run)
    root = check_junit(junit.document([assessment]))
    assert root.tag == "testsuite"
    low, evil, undecided, _ = root.findall("testcase")
    assert [child.tag for child in low] == ["system-out"]
    assert evil.find("failure").get("type") == "refuted"
    assert undecided.find("error").get("type") == "undetermined"
    text = low.find("system-out").text
    numbers = dict(line.split(": ", 1) for line in text.splitlines()[2:])
    claim = assessment.claims[0]
    assert int(numbers["counted"]) == claim.counted
    assert float(numbers["high"]) == claim.estimate.high
    assert int(numbers["missing"]) == claim.missing > 0


def test_junit_skips_undetermined_claims_where_they_are_allowed(mixed_run):
    root = check_junit(junit.document([read(mixed_run)], allow_undetermined=True))
    assert (root.get("errors"), root.get("skipped"), root.get("failures")) == ("0", "1", "2")


def test_junit_of_several_runs_adds_up(mixed_run):
    root = check_junit(junit.document([read(mixed_run)] * 3))
    assert root.tag == "testsuites"
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("12", "6", "3")


def test_hostile_names_are_text_in_xml(mixed_run):
    data = junit.document([read(mixed_run)])
    name = check_junit(data).findall("testcase")[1].get("name")
    assert "<script>" in name
    assert "\\x1b[31m" in name
    assert "\\u202e" in name
    assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]", data)


@pytest.mark.parametrize("code", [*range(32), 0x7F, 0x85, 0xD800, 0xFFFE, 0xFFFF])
def test_no_character_makes_the_xml_illegal(mixed_run, code):
    a = read(mixed_run)
    claim = a.claims[0].model_copy(update={"headline": f"c{chr(code)}d"})
    data = junit.document([a.model_copy(update={"subject": f"a{chr(code)}b", "claims": [claim]})])
    root = ElementTree.fromstring(data)
    assert root.find("testcase/system-out").text.startswith("c")


def test_sarif_has_refuted_claims_as_errors_and_open_ones_as_notes(mixed_run):
    assessment = read(mixed_run)
    log = json.loads(sarif.document([assessment]))
    assert log["version"] == "2.1.0"
    [run] = log["runs"]
    assert [r["level"] for r in run["results"]] == ["error", "note", "error"]
    rules = run["tool"]["driver"]["rules"]
    for result, claim in zip(run["results"], assessment.claims[1:], strict=True):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == f"claim-{claim.verdict}"
        assert result["properties"]["counted"] == claim.counted
        [location] = result["locations"]
        physical = location["physicalLocation"]
        assert physical["artifactLocation"] == {"uri": "evals/suite.yaml"}
        line = assessment.provenance.suite_text.splitlines()[physical["region"]["startLine"] - 1]
        assert "name:" in line
    prints = [r["partialFingerprints"]["claim/v1"] for r in run["results"]]
    assert len(set(prints)) == 3


@pytest.mark.parametrize(
    ("command", "place"),
    [
        ("calibrant assess s.yaml", "s.yaml"),
        ("calibrant assess 'a b/s.yml' --seed 3", "a%20b/s.yml"),
        ("calibrant assess /etc/s.yaml", None),
        ("calibrant assess ../s.yaml", None),
        ("calibrant assess C:\\\\s.yaml", None),
        ("calibrant assess 'unclosed", None),
        ("calibrant demo", None),
    ],
)
def test_a_result_lies_in_the_suite_if_that_is_in_the_working_directory(mixed_run, command, place):
    a = read(mixed_run)
    a = a.model_copy(update={"provenance": a.provenance.model_copy(update={"command": command})})
    assert sarif.suite_file(a) == place
    uri = json.loads(sarif.document([a]))["runs"][0]["results"][0]["locations"][0][
        "physicalLocation"
    ]["artifactLocation"]["uri"]
    assert uri == (place or "assessment.json")


def test_lines_of_claims_survive_broken_yaml():
    assert sarif.claim_lines("claims:\n - {name: a}\n - name: b\n") == {"a": 2, "b": 3}
    for text in ("", "claims: [", "- a", "claims: {name: a}", "claims: 3", "[" * 1500):
        assert sarif.claim_lines(text) == {}


def test_markdown_shows_verdicts_and_numbers(mixed_run):
    text = markdown.document([read(mixed_run)])
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    # Cells are parted by bars that no backslash escapes.
    cells = [re.split(r"(?<!\\)\|", row)[1:-1] for row in rows]
    assert {len(c) for c in cells} == {6}
    assert [c[1].split()[-1] for c in cells[1:]] == [
        "supported", "refuted", "undetermined", "refuted",
    ]  # fmt: skip
    low = read(mixed_run).claims[0]
    assert cells[1][4].strip() == f"{low.trials} of {low.claim.at_most}"


def test_markdown_holds_no_markup_of_a_claim(mixed_run):
    text = markdown.document([read(mixed_run)])
    plain = text.replace("<!-- -->", "").replace("<sub>", "").replace("</sub>", "")
    assert "<" not in plain
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "@b" not in text  # nobody is notified
    assert "#1" not in text
    assert "://" not in text
    assert not re.search(r"(?<!\\)`", text)


@pytest.mark.parametrize("text", ["a|b", "**b**", "[x](y)", "<b>&amp;", "\\", "a\n# b", "www.x.y"])
def test_escaped_markdown_has_no_bare_punctuation(text):
    escaped = markdown.escape(text).replace("<!-- -->", "")
    assert not re.search(r"(?<!\\)[|*\[\]()`_#]", escaped.replace("\\\\", ""))
    assert "<" not in escaped
    assert "\n" not in escaped


def test_an_assessment_that_contradicts_itself_is_refused(mixed_run):
    a = read(mixed_run)
    with pytest.raises(InputError, match="wanted 'refuted'"):
        facts.checked(a.model_copy(update={"verdict": "supported"}))
    empty = a.model_copy(update={"claims": [], "verdict": "undetermined"})
    assert facts.checked(empty) is empty
    check_junit(junit.document([empty]))


@pytest.mark.parametrize("name", sorted({*FORMATS} - {"html", "parquet"}))
def test_every_format_gives_the_same_bytes_twice(mixed_run, name):
    run = read_run(mixed_run)
    first = FORMATS[name].render(run)
    assert first == FORMATS[name].render(run)
    assert FORMATS[name].file in first
    assert b"\x1b" not in b"".join(first.values())


@pytest.mark.parametrize("name", ["junit", "sarif", "markdown", "eee", "oscal", "html"])
def test_an_assessment_alone_is_enough_for(mixed_run, tmp_path, name):
    run = Run(read(mixed_run))
    assert export(run, name, tmp_path / "file") == [tmp_path / "file"]


@pytest.mark.parametrize("name", ["csv", "parquet", "croissant"])
def test_an_assessment_alone_has_no_trials(mixed_run, tmp_path, name):
    with pytest.raises(InputError, match="wanted a run folder"):
        export(Run(read(mixed_run)), name, tmp_path / "file")
    assert not list(tmp_path.iterdir())


def test_an_unknown_format_is_named(mixed_run, tmp_path):
    with pytest.raises(InputError, match="wanted one of html, junit.*got 'pdf'"):
        export(read_run(mixed_run), "pdf", tmp_path / "x")
