"""Every Eval Ever, OSCAL, Croissant, CSV and Parquet: what other systems load."""

import base64
import hashlib
import json
import re
import uuid
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibrant import read_assessment
from calibrant._text import shown
from calibrant.errors import InputError
from calibrant.records import read_parquet
from calibrant.report.exports import FORMATS, croissant, csv, export, oscal
from calibrant.report.exports.eee_instances import claim_of
from calibrant.report.exports.source import Run, parse_journal, read_run

SCHEMAS = Path(__file__).parents[3] / "shared/data/logs/eee/every_eval_ever/schemas"


@pytest.fixture(scope="module")
def eee(mixed_run):
    files = FORMATS["eee"].render(read_run(mixed_run), "record.json")
    assert list(files) == ["record.json", "record_samples.jsonl"]
    samples = files["record_samples.jsonl"]
    return json.loads(files["record.json"]), [json.loads(s) for s in samples.splitlines()], samples


def test_every_eval_ever_follows_its_schemas(eee):
    jsonschema = pytest.importorskip("jsonschema")
    if not SCHEMAS.is_dir():
        pytest.skip("the schemas of Every Eval Ever are not here")
    record, samples, _ = eee
    for name, documents in (("eval", [record]), ("instance_level_eval", samples)):
        schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
        validator = jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker())
        for document in documents:
            validator.validate(document)


def test_every_eval_ever_has_the_numbers(eee, mixed_run):
    record, samples, data = eee
    a = read_assessment(mixed_run)
    results = record["evaluation_results"]
    assert [r["score_details"]["score"] for r in results] == [c.estimate.value for c in a.claims]
    low = results[0]["score_details"]["uncertainty"]
    assert low["confidence_interval"]["upper"] == a.claims[0].estimate.high
    assert low["num_samples"] == a.claims[0].trials - a.claims[0].missing
    assert [r["metric_config"]["lower_is_better"] for r in results] == [True, False, True, False]
    assert results[0]["generation_config"]["generation_args"] == {"temperature": 0.5}
    details = record["detailed_evaluation_results"]
    assert details["checksum"] == hashlib.sha256(data).hexdigest()
    assert details["total_rows"] == len(samples) == sum(c.trials - c.missing for c in a.claims)
    for result, claim in zip(results, a.claims, strict=True):
        mine = [s for s in samples if s["evaluation_result_id"] == result["evaluation_result_id"]]
        assert sum(s["evaluation"]["score"] for s in mine) == claim.counted
        above = claim.claim.relation == "above"
        assert all(
            s["evaluation"]["is_correct"] == (s["evaluation"]["score"] == above) for s in mine
        )


def test_every_eval_ever_of_nothing_observed_says_so(mixed_run):
    a = read_assessment(mixed_run)
    estimate = a.claims[0].estimate.model_copy(update={"value": None})
    claims = [a.claims[0].model_copy(update={"estimate": estimate}), *a.claims[1:]]
    files = FORMATS["eee"].render(Run(a.model_copy(update={"claims": claims})))
    record = json.loads(files["every-eval-ever.json"])
    assert len(record["evaluation_results"]) == 3
    assert record["source_metadata"]["additional_details"]["claims_without_any_score"] == "low"
    assert "detailed_evaluation_results" not in record


def test_a_claim_is_rebuilt_from_its_text(mixed_run):
    for c in read_assessment(mixed_run).claims:
        claim = claim_of(c.claim)
        assert (claim.relation, claim.threshold) == (c.claim.relation, c.claim.threshold)
        assert (claim.score, claim.counts) == (c.claim.score, c.claim.counts)


TOKEN = re.compile(r"[A-Za-z_][A-Za-z0-9._-]*")
STRING = re.compile(r"\S(.*\S)?")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def walk(value):
    yield value
    for part in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from walk(part)


def test_oscal_has_what_the_schema_requires(mixed_run):
    a = read_assessment(mixed_run)
    document = oscal.document(a)
    body = document["assessment-results"]
    assert set(document) == {"assessment-results"}
    assert {"uuid", "metadata", "import-ap", "results"} <= set(body)
    assert {"title", "last-modified", "version", "oscal-version"} <= set(body["metadata"])
    assert MOMENT.fullmatch(body["metadata"]["last-modified"])
    [result] = body["results"]
    assert {"uuid", "title", "description", "start", "reviewed-controls"} <= set(result)
    observations = {o["uuid"]: o for o in result["observations"]}
    for o in observations.values():
        assert o["methods"] == ["TEST"]
        assert MOMENT.fullmatch(o["collected"])
    states = [
        (f["target"]["status"]["state"], f["target"]["status"]["reason"])
        for f in result["findings"]
    ]
    assert states == [
        ("satisfied", "pass"), ("not-satisfied", "fail"), ("not-satisfied", "other"),
        ("not-satisfied", "fail"),
    ]  # fmt: skip
    risks = {r["uuid"] for r in result["risks"]}
    assert len(risks) == 2
    for f in result["findings"]:
        assert TOKEN.fullmatch(f["target"]["target-id"])
        assert all(r["observation-uuid"] in observations for r in f["related-observations"])
        assert all(r["risk-uuid"] in risks for r in f.get("related-risks", []))
    plan, _ = body["back-matter"]["resources"]
    assert body["import-ap"]["href"] == f"#{plan['uuid']}"
    assert base64.b64decode(plan["base64"]["value"]).decode() == a.provenance.suite_text


def test_oscal_identifiers_are_made_from_content(mixed_run):
    a = read_assessment(mixed_run)
    parts = [p for p in walk(oscal.document(a)) if isinstance(p, dict)]
    ids = [p["uuid"] for p in parts if "uuid" in p]
    assert len(set(ids)) == len(ids)
    assert {uuid.UUID(i).version for i in ids} == {5}
    other = oscal.document(a.model_copy(update={"subject": "standard/rate-0.11"}))
    assert not {p["uuid"] for p in walk(other) if isinstance(p, dict) and "uuid" in p} & set(ids)
    for p in parts:
        if set(p) == {"name", "ns", "value"}:
            assert TOKEN.fullmatch(p["name"])
            assert STRING.fullmatch(p["value"])
        assert all(v != [] for v in p.values())


def test_oscal_refuses_a_time_that_is_none(mixed_run):
    a = read_assessment(mixed_run)
    for wrong in ("yesterday", "2026-11-21T20:00:00"):
        p = a.provenance.model_copy(update={"started": wrong})
        with pytest.raises(InputError, match="started: wanted a time"):
            oscal.document(a.model_copy(update={"provenance": p}))


def test_croissant_names_its_items_by_their_sum(mixed_run, tmp_path):
    paths = export(read_run(mixed_run), "croissant", tmp_path / "meta.json")
    meta = json.loads(paths[0].read_text())
    assert meta["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    [file] = meta["distribution"]
    data = (tmp_path / file["contentUrl"]).read_bytes()
    assert file["sha256"] == hashlib.sha256(data).hexdigest()
    rows = [json.loads(line) for line in data.splitlines()]
    [records] = meta["recordSet"]
    columns = [f["source"]["extract"]["column"] for f in records["field"]]
    assert all(list(row) == columns == list(croissant.FIELDS) for row in rows)
    known = {f["@id"] for f in records["field"]}
    assert {k["@id"] for k in records["key"]} <= known
    assert {f["source"]["fileObject"]["@id"] for f in records["field"]} == {file["@id"]}
    trials = read_parquet(mixed_run / "trials.parquet")
    assert set(trials["item"]) <= {r["item"] for r in rows}
    assert len({(r["instrument"], r["item"]) for r in rows}) == len(rows)
    assert rows[-1]["prompt"].startswith("Question ")


def test_croissant_of_an_instrument_has_its_items():
    from calibrant.instruments import load

    files = croissant.of_instrument("calibrant/false_premise", seed=3, count=5)
    assert list(files) == ["croissant.json", "croissant_items.jsonl"]
    rows = [json.loads(line) for line in files["croissant_items.jsonl"].splitlines()]
    instrument = load("false_premise")
    assert [r["item"] for r in rows] == [instrument.item(3, i).hash for i in range(5)]
    assert all(list(r) == list(croissant.FIELDS) for r in rows)
    meta = json.loads(files["croissant.json"])
    [file] = meta["distribution"]
    assert file["sha256"] == hashlib.sha256(files[file["name"]]).hexdigest()
    with pytest.raises(InputError, match="wanted at least 1"):
        croissant.of_instrument("calibrant/false_premise", seed=3, count=0)
    with pytest.raises(InputError, match="no instrument"):
        croissant.of_instrument("calibrant/none", seed=3, count=1)


def test_croissant_of_no_trials_is_refused():
    with pytest.raises(InputError, match="wanted at least one finished trial"):
        croissant.items_of([])


def test_csv_is_safe_for_spreadsheets_and_reads_back(mixed_run, tmp_path):
    [path] = export(read_run(mixed_run), "csv", tmp_path / "t.csv")
    back = pl.read_csv(path, infer_schema_length=0)
    trials = read_parquet(mixed_run / "trials.parquet")
    assert back.columns == trials.columns
    assert back["answer"].drop_nulls().str.starts_with("'=cmd|").any()
    assert not back["answer"].drop_nulls().str.contains(r"^\s*[=+\-@]").any()
    # One leading apostrophe off gives the text back, but for control characters.
    answers = back["answer"].str.replace("^'", "")
    assert answers.to_list() == [
        None if a is None else a.replace("\x1b", "\\x1b") for a in trials["answer"]
    ]
    assert back["score"].cast(pl.Float64).to_list() == trials["score"].to_list()
    assert b"\x1b" not in path.read_bytes()


@given(st.text())
def test_a_cell_never_begins_a_formula_and_is_reversible(text):
    cell = csv.cell(text)
    assert not re.match(r"\s*[=+\-@＝＋－＠]", cell)
    assert cell.removeprefix("'") == shown(text, len(text)) or not cell.startswith("'")


def test_parquet_is_the_table_and_never_writes_over_the_runs_own(mixed_run, tmp_path):
    own = mixed_run / "trials.parquet"
    before = own.stat()
    assert export(read_run(mixed_run), "parquet", own) == [own]
    assert own.stat().st_mtime_ns == before.st_mtime_ns
    [copy] = export(read_run(mixed_run), "parquet", tmp_path / "copy.parquet")
    assert read_parquet(copy).equals(read_parquet(own))


@pytest.mark.parametrize(
    "line", [b"{}", b"[]", b"1", b"{", b'"x"', b'{"position": 1}', b"[" * 100_000]
)
def test_a_journal_with_a_broken_line_is_named(line):
    with pytest.raises(InputError, match=r"j: line 1 is not a finished trial"):
        parse_journal(line + b"\n", "j")


def test_a_torn_last_line_of_a_journal_is_no_trial(mixed_run):
    whole = (mixed_run / "journal.jsonl").read_bytes()
    assert parse_journal(whole + b'{"instr', "j") == parse_journal(whole, "j")
