"""Whole assessments of planted subjects: verdicts, determinism, limits, failures, resumption."""

import json

import polars as pl
import pytest

from calibrant import assess, read_assessment
from calibrant.assurance.assessment import json_schema
from calibrant.errors import InputError, RunFolderError
from calibrant.records import read_parquet


def run(file, tmp_path, name="run", **options):
    return assess(file, out=tmp_path / name, **options)


def test_claims_about_a_planted_subject_get_the_right_verdicts(suite_file, tmp_path):
    file = suite_file(
        """
        - {name: low, instrument: task.py@yes, rate: includes, below: 0.30, if_really: 0.15}
        - {name: high, instrument: task.py@yes, rate: includes, above: 0.40, if_really: 0.60}
        - {name: any, instrument: task.py@yes, rate: includes=C, below: 0.25}
        - {name: own, instrument: task.py@yes, args: {n: 60}, rate: includes=I, above: 0.6}
        """
    )
    result = run(file, tmp_path)
    assert [c.verdict for c in result.claims] == ["supported", "refuted", "supported", "supported"]
    assert result.verdict == "refuted"
    assert result.exit_code == 1
    low, high, anytime, own = result.claims
    assert low.trials < low.design.fixed_trials
    assert low.estimate.low <= 0.10 <= low.estimate.high
    assert low.path[-1] == low.counted
    assert high.path[-1] == high.trials - high.counted
    assert anytime.design.method == "anytime"
    assert (own.population.kind, own.population.size) == ("finite", 60)
    # Claims on one instrument share its trials: the longest decides how many there are.
    table = read_parquet(tmp_path / "run" / "trials.parquet")
    shared = table.filter(pl.col("instrument") == "task.py@yes")
    assert shared.height == max(low.trials, high.trials, anytime.trials)


def test_the_assessment_follows_its_schema_and_is_read_back(suite_file, tmp_path, below):
    import jsonschema

    result = run(suite_file(below), tmp_path)
    data = json.loads((tmp_path / "run" / "assessment.json").read_text())
    jsonschema.Draft202012Validator(json_schema()).validate(data)
    assert read_assessment(tmp_path / "run") == result
    assert repr(result).startswith("Assessment of standard/rate-0.10 by suite: supported")
    assert "<td>supported</td>" in result._repr_html_()
    (tmp_path / "bad.json").write_text('{"suite": 1}')
    with pytest.raises(InputError, match=r"bad\.json: "):
        read_assessment(tmp_path / "bad.json")


def essence(tmp_path, name):
    table = read_parquet(tmp_path / name / "trials.parquet")
    return table.drop("run", "seconds", "time").to_dicts()


def test_the_same_trials_whatever_the_connections_and_the_order_of_arrival(suite_file, tmp_path):
    claims = """
    - {name: a, instrument: task.py@yes, rate: includes, below: 0.30, if_really: 0.15}
    - {name: b, instrument: calibrant/arithmetic, rate: correct, below: 0.30, if_really: 0.10}
    """
    file = suite_file(claims, subject="standard/rate-0.20")
    results = [
        run(file, tmp_path, str(n), max_connections=n, model_args={"delay_ms": 20 * (n > 1)})
        for n in (1, 5, 16)
    ]
    assert len({tuple(c.verdict for c in r.claims) for r in results}) == 1
    first = essence(tmp_path, "1")
    assert first == essence(tmp_path, "5") == essence(tmp_path, "16")


def test_another_seed_gives_other_items_and_another_order(suite_file, tmp_path, below):
    file = suite_file(below)
    a, b = run(file, tmp_path, "a", seed=1), run(file, tmp_path, "b", seed=2)
    assert a.provenance.items_sha256 != b.provenance.items_sha256


def test_failed_trials_are_kept_and_a_flip_they_could_cause_is_undetermined(suite_file, tmp_path):
    claim = "- {name: a, instrument: task.py@yes, rate: includes, below: 0.30, if_really: 0.15}"
    some = suite_file(claim, subject="standard/rate-0.02", head="model_args: {fail: 0.05}")
    result = run(some, tmp_path, "some")
    assert result.claims[0].verdict == "supported"
    many = suite_file(claim, subject="standard/rate-0.10", head="model_args: {fail: 0.5}")
    result = run(many, tmp_path, "many")
    finding = result.claims[0]
    assert finding.verdict == "undetermined"
    assert result.exit_code == 3
    assert finding.missing > 0
    assert "could flip the verdict" in finding.reason
    assert finding.estimate.low_if_missing <= finding.estimate.low
    assert finding.estimate.high_if_missing >= finding.estimate.high
    failed = read_parquet(tmp_path / "many" / "trials.parquet").filter(pl.col("score").is_null())
    assert failed.height == finding.missing
    assert failed["error"].null_count() == 0


def test_a_subject_that_always_fails_ends_soon_and_undetermined(suite_file, tmp_path, below):
    result = run(suite_file(below, head="model_args: {fail: 1.0}"), tmp_path)
    finding = result.claims[0]
    assert (finding.verdict, finding.estimate.value) == ("undetermined", None)
    assert finding.trials == finding.missing < 40


def test_a_limit_on_cost_ends_the_run_and_keeps_what_was_learnt(suite_file, tmp_path):
    claim = "- {name: a, instrument: task.py@yes, rate: includes, below: 0.11, if_really: 0.09}"
    head = "price: {input: 1000, output: 1000}\nmax_cost: 0.05\nmax_connections: 1"
    file = suite_file(claim, head=head)
    result = run(file, tmp_path)
    assert result.stopped_by == "max_cost"
    assert result.claims[0].verdict == "undetermined"
    assert 0 < result.claims[0].trials < 60
    assert result.usage.cost >= 0.05
    assert "max_cost" in result.claims[0].reason
    # With more money the same command goes on from there.
    assert result.provenance.sessions == 1
    more = run(file, tmp_path, max_cost=0.08)
    assert more.claims[0].trials > result.claims[0].trials


def test_a_limit_on_time_ends_the_run(suite_file, tmp_path, below):
    file = suite_file(below, head="model_args: {delay_ms: 4000}\nmax_connections: 1")
    result = run(file, tmp_path, max_time="2s")
    assert result.stopped_by == "max_time"
    assert result.verdict == "undetermined"


def test_a_finished_run_is_not_repeated(suite_file, tmp_path, below):
    file = suite_file(below)
    first = run(file, tmp_path)
    journal = (tmp_path / "run" / "journal.jsonl").read_bytes()
    again = run(file, tmp_path)
    assert (tmp_path / "run" / "journal.jsonl").read_bytes() == journal
    assert again.claims == first.claims


def test_another_suites_folder_is_refused(suite_file, tmp_path, below):
    run(suite_file(below), tmp_path)
    with pytest.raises(InputError, match="its suite, seed or subject differ"):
        run(suite_file(below), tmp_path, seed=5)
    with pytest.raises(RunFolderError, match="holds a run already"):
        run(suite_file(below), tmp_path, fresh=True)
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("precious")
    with pytest.raises(InputError, match="not empty"):
        run(suite_file(below), tmp_path, "other")


def test_an_unfinished_run_is_found_again_without_naming_it(
    suite_file, tmp_path, below, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    file = suite_file(below)
    first = assess(file)
    assert first.folder.startswith("runs/suite-")
    manifest = tmp_path / first.folder / "run.json"
    data = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**data, "finished": None}))
    again = assess(file)
    assert again.folder == first.folder
    assert again.provenance.sessions == 2
    assert assess(file, fresh=True).folder != first.folder


def test_a_score_that_is_not_a_rate_is_refused(suite_file, tmp_path):
    file = suite_file("- {name: a, instrument: half.py, rate: half, below: 0.3}")
    (tmp_path / "half.py").write_text(
        "from inspect_ai import Task, task\n"
        "from inspect_ai.dataset import Sample\n"
        "from inspect_ai.scorer import Score, mean, scorer\n"
        "@scorer(metrics=[mean()])\n"
        "def half():\n"
        "    async def score(state, target):\n"
        "        return Score(value=0.5)\n"
        "    return score\n"
        "@task\n"
        "def halves():\n"
        "    return Task(dataset=[Sample(input=str(i)) for i in range(99)], scorer=half())\n"
    )
    with pytest.raises(InputError, match="is 0.5, which is neither 0 nor 1"):
        run(file, tmp_path)
    with pytest.raises(InputError, match="has no score 'whole'; it gives half"):
        run(suite_file("- {name: a, instrument: half.py, rate: whole, below: 0.3}"), tmp_path, "b")


def test_scores_that_are_not_a_number_are_missing(suite_file, tmp_path):
    file = suite_file(
        """
        - {name: a, instrument: nan.py, rate: nan, below: 0.3}
        - {name: b, instrument: nan.py, rate: nan=0, above: 0.3}
        """
    )
    (tmp_path / "nan.py").write_text(
        "from inspect_ai import Task, task\n"
        "from inspect_ai.dataset import Sample\n"
        "from inspect_ai.scorer import Score, mean, scorer\n"
        "@scorer(metrics=[mean()])\n"
        "def nan():\n"
        "    async def score(state, target):\n"
        "        return Score(value=float('nan') if target.text == 'x' else 0.0)\n"
        "    return score\n"
        "@task\n"
        "def some():\n"
        "    samples = [Sample(input=str(i), target='xy'[i % 9 > 0]) for i in range(99)]\n"
        "    return Task(dataset=samples, scorer=nan())\n"
    )
    result = run(file, tmp_path)
    assert [c.verdict for c in result.claims] == ["supported", "supported"]
    assert all(c.missing > 0 for c in result.claims)


def test_hostile_answers_are_stored_and_shown_harmless(suite_file, tmp_path):
    hostile = "\x1b[31m<script>alert(1)</script>\ud800" + "x" * 300_000
    file = suite_file(
        "- {name: '<b>a</b>', instrument: task.py@yes, rate: includes, below: 0.9}",
        subject="standard/rate-0.0",
    )
    result = run(file, tmp_path, model_args={"negative": hostile, "positive": "positive"})
    data = (tmp_path / "run" / "assessment.json").read_bytes()
    assert b"\x1b" not in data
    assert len(data) < 2_000_000
    json.loads(data)
    read_parquet(tmp_path / "run" / "trials.parquet")
    assert result.claims[0].verdict == "supported"
    from calibrant.report import html

    page = html(result)
    assert "<script>alert" not in page
    assert "\x1b" not in page
    page.encode("utf-8")


def test_assess_works_inside_a_running_event_loop(suite_file, tmp_path, below):
    import asyncio

    async def notebook():
        return run(suite_file(below), tmp_path)

    assert asyncio.run(notebook()).verdict == "supported"
