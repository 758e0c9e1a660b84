"""Adaptive tests of planted subjects: one outcome for any order of arrival, resumed, stopped."""

import json
import shutil
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from calibrant.bench.adaptive.config import AdaptFile
from calibrant.bench.adaptive.items import places
from calibrant.bench.adaptive.run import adapt
from calibrant.bench.streams import open_stream
from calibrant.cli import main
from calibrant.errors import InputError, RunError, RunFolderError, SubjectError
from calibrant.quality.bank import two_pl, write_bank
from calibrant.quality.responses import of_matrix
from calibrant.quality.shorter.calibrate import calibrate
from calibrant.quality.shorter.engine import write_engine
from calibrant.records import read

ITEMS = 40
QUIZ = """
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessageSystem, ChatMessageUser
from inspect_ai.scorer import includes, match
from inspect_ai.solver import generate


@task
def quiz(n: int = 40, chat: bool = False, scorers: int = 1):
    def given(i):
        asked = ChatMessageUser(content=f"{i} plus {i}?")
        return [ChatMessageSystem(content="Count."), asked] if chat else asked.text

    return Task(
        dataset=[Sample(id=f"q{i}", input=given(i), target=str(2 * i)) for i in range(n)],
        solver=generate(),
        scorer=[match(), includes()][:scorers],
    )
"""


def bank_of(items=ITEMS):
    rng = np.random.default_rng(3)
    names = [f"q{i}" for i in range(items)]
    return two_pl(rng.lognormal(0.2, 0.4, items), rng.normal(0, 1.6, items), items=names)


@pytest.fixture(scope="module")
def engine():
    """Calibrated on planted subjects; taken to be fit for adaptive tests, whatever they say."""
    rng = np.random.default_rng(4)
    bank = bank_of()
    scores = bank.draw(rng.normal(0, 1.5, 30), rng)
    names = [f"{'abcdef'[i % 6]}-{i}" for i in range(30)]
    responses = of_matrix(scores, subjects=names, items=bank.items)
    return replace(calibrate(responses, family_pattern="^(.)-"), verdict="adaptive: fine")


@pytest.fixture
def place(tmp_path, monkeypatch, engine):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quiz.py").write_text(QUIZ)
    write_bank(bank_of(), tmp_path / "truth.json")
    write_engine(engine, tmp_path / "engine.json")
    return tmp_path


def keys(**more):
    return {
        "engine": "engine.json", "instrument": "quiz.py@quiz", "subject": "standard/ability-0.5",
        "model_args": {"bank": "truth.json"}, "at_most": 11, "batch": 3, "seed": 2,
    } | more  # fmt: skip


def journal(folder):
    lines = (folder / "journal.jsonl").read_text().splitlines()
    return [json.loads(line)["position"] for line in lines]


def essence(found):
    data = found.to_dict()
    return {k: data[k] for k in ("value", "interval", "asked", "path", "stopped")}


def test_an_adaptive_test_predicts_the_whole_and_keeps_everything(place, engine):
    seen = []
    found = adapt(keys(), out="run", watch=seen.append)
    assert [a.batch for a in found.asked] == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4]
    assert len({a.item for a in found.asked}) == 11 and found.failed == 0
    assert found.interval[0] < found.value < found.interval[1]
    assert [p.asked for p in found.path] == [3, 6, 9, 11] == [p.asked for p in seen]
    assert "as many as may be" in found.stopped and found.exit_code == 0
    assert [b["method"] for b in found.baselines] == [
        "adaptive", "random sample", "random + model", "average"
    ]  # fmt: skip
    assert "from 11 asked" in repr(found)
    alone = engine.session({a.item: a.score for a in found.asked}).estimate()
    assert (found.value, found.interval) == (alone.value, (alone.low, alone.high))
    trials = read("run/trials.parquet").trials
    assert trials["item"].to_list() == [a.item for a in found.asked]
    assert trials["score"].to_list() == [a.score for a in found.asked]
    assert json.loads((place / "run/adapted.json").read_text()) == json.loads(found.to_json())
    assert found.plot().svg().startswith("<svg")


def test_the_order_of_arrival_changes_nothing(place):
    late = {"bank": "truth.json", "delay_ms": 40}
    one = adapt(keys(model_args=late, max_connections=1), out="one")
    many = adapt(keys(model_args=late, max_connections=8), out="many")
    assert essence(one) == essence(many)


def test_a_run_that_was_cut_off_resumes_and_repeats_nothing(place):
    whole = adapt(keys(), out="whole")
    shutil.copytree("whole", "cut")
    lines = (place / "whole/journal.jsonl").read_text().splitlines(keepends=True)
    # Two of the second batch are there, in the wrong order.
    (place / "cut/journal.jsonl").write_text("".join([*lines[:3], lines[4], lines[3]]))
    again = adapt(keys(), out="cut")
    assert essence(again) == essence(whole)
    assert sorted(journal(place / "cut")) == list(range(11))
    assert adapt(keys(), out="cut").to_dict()["asked"] == whole.to_dict()["asked"]
    assert len(journal(place / "cut")) == 11


def test_a_run_that_may_ask_more_goes_on(place):
    adapt(keys(at_most=5), out="run")
    longer = adapt(keys(), out="run")
    assert essence(longer) == essence(adapt(keys(), out="other"))
    with pytest.raises(InputError, match="holds another run"):
        adapt(keys(seed=3), out="run")
    with pytest.raises(RunFolderError, match="holds a run already"):
        adapt(keys(), out="run", fresh=True)


def test_failed_trials_are_said_and_survived(place):
    found = adapt(keys(model_args={"bank": "truth.json", "fail": 0.4}), out="run")
    failed = [a for a in found.asked if a.score is None]
    assert 0 < found.failed == len(failed) < 11 and "planted failure" in failed[0].error
    assert f"{found.failed} of 11 trials failed" in found.warnings[0]
    assert pl.read_parquet("run/trials.parquet")["score"].null_count() == found.failed


@pytest.mark.parametrize(
    ("claim", "ability", "verdict", "code"),
    [
        ({"above": 0.2}, 2.5, "supported", 0),
        ({"below": 0.2}, 2.5, "refuted", 1),
        ({"above": 0.62}, 0.5, "undetermined", 3),
    ],
)
def test_a_claim_stops_the_test(place, claim, ability, verdict, code):
    found = adapt(keys(claim=claim, subject=f"standard/ability-{ability}", at_most=24), out="run")
    assert found.claim["verdict"] == verdict and found.exit_code == code
    assert (len(found.asked) < 24) == (verdict != "undetermined")
    assert json.loads((place / "run/run.json").read_text())["finished"] or code == 3
    assert found.plot().svg().startswith("<svg")


def test_a_standard_error_stops_the_test(place):
    found = adapt(keys(standard_error=0.12, at_most=40), out="run")
    assert found.standard_error <= 0.12 and "standard error" in found.stopped
    assert len(found.asked) < 40


def test_money_stops_the_test_between_batches(place):
    price = {"input": 0, "output": 1e6}
    found = adapt(keys(price=price, max_cost=2.5), out="run")
    assert len(found.asked) == 3 and found.cost == 3 and "limit of $2.5" in found.stopped
    assert adapt(keys(price=price, max_cost=5), out="run").cost == 6


def test_the_bank_check_guards(place, engine):
    write_engine(replace(engine, verdict="random only", reasons=("a reason",)),
                 place / "engine.json")  # fmt: skip
    with pytest.raises(InputError, match=r"random only \(a reason\)"):
        adapt(keys())
    found = adapt(keys(pick="random"), out="random")
    assert found.baselines[0]["method"] == "random + model" and not found.warnings
    forced = adapt(keys(force=True), out="forced")
    assert "forced" in forced.warnings[0] and forced.bank_check["verdict"] == "random only"


def test_items_are_found_by_id_by_text_and_by_the_name_in_logs(place):
    stream = open_stream("quiz.py@quiz", {"chat": True}, 1, place)
    adapt(keys(args={"chat": True}, at_most=3), out="run")
    logged = read("run/logs").trials["item"].to_list()
    shown = [stream.item(k) for k in range(3)]
    found = places(stream, [*logged, *shown, "quiz/q1", "q2:" + "0" * 16, "other"])
    assert set(logged) | set(shown) | {"quiz/q1"} == found.at.keys()
    assert all(stream.sample(found.at[n]).id == n.partition(":")[0] for n in logged)
    assert found.absent == ("q2:" + "0" * 16, "other") and found.changed == found.absent[:1]


def test_items_that_the_instrument_lacks_are_predicted(place):
    found = adapt(keys(args={"n": 12}, at_most=40), out="run")
    assert {a.item for a in found.asked} <= {f"q{i}" for i in range(12)}
    assert len(found.asked) == 12 and found.stopped == "no item is left"
    assert len(found.absent) == 28 and "28 of 40 calibrated items" in found.notes[1]
    assert found.interval[1] - found.interval[0] > 0.01


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"engine": "absent.json"}, InputError, "absent.json: not an engine"),
        ({"instrument": "calibrant/arithmetic", "args": {}}, InputError, "without end"),
        ({"instrument": "quiz.py@quizz"}, InputError, "one of the file's tasks"),
        ({"args": {"scorers": 2}}, InputError, "gives match, includes; name one"),
        ({"score": "f1"}, InputError, "gives match; got 'f1'"),
        ({"subject": "nobody"}, SubjectError, "names no subject"),
        ({"at_most": 0}, InputError, "at_most"),
        ({"claim": {"above": 1, "below": 0}}, InputError, "wanted one of 'above' and 'below'"),
        ({"claim": {"abov": 1}}, InputError, "abov"),
        ({"bach": 3}, InputError, "bach"),
    ],
)
def test_what_is_wrong_is_named(place, change, error, match):
    with pytest.raises(error, match=match):
        adapt(keys(**change))


def test_scores_that_the_items_cannot_have_are_named(place, engine):
    write_engine(replace(engine, high=0.5), place / "engine.json")
    with pytest.raises(InputError, match=r"wanted a score from 0 to 0.5, got 1"):
        adapt(keys(subject="standard/ability-2.5", at_most=40), out="run")
    assert journal(place / "run")


def test_a_journal_of_another_instrument_is_refused(place):
    adapt(keys(at_most=3), out="run")
    file = place / "run/journal.jsonl"
    lines = [json.loads(line) | {"item": "f" * 64} for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(RunError, match="is not the one this run began with"):
        adapt(keys(at_most=3), out="run")


def test_a_file_of_keys_is_checked_once(place):
    given = AdaptFile.model_validate(keys())
    assert given.fingerprint("a") != given.fingerprint("b")
    assert given.fingerprint("a") == given.model_copy(update={"at_most": 99}).fingerprint("a")


def call(*args):
    with pytest.raises(SystemExit) as caught:
        main(list(map(str, args)))
    return caught.value.code or 0


def test_the_command(place, capsys):
    (place / "adapt.yaml").write_text(json.dumps(keys()))
    assert call("items", "adapt", "adapt.yaml", "-o", "run", "--figure", "f.svg") == 0
    shown = capsys.readouterr()
    assert "random + model" in shown.out and "11 of at most 11 items" in shown.err
    assert (place / "f.svg").read_text().startswith("<svg")
    assert call("items", "adapt", "adapt.yaml", "-o", "run", "--json", "-q") == 0
    data = json.loads(capsys.readouterr().out)
    assert len(data["asked"]) == 11 and data["bank_check"]["verdict"] == "adaptive: fine"
    (place / "bad.yaml").write_text("engine: [")
    assert call("items", "adapt", "bad.yaml") == 2
    assert capsys.readouterr().err.count("\n") == 1
