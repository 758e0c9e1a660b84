"""Inspect logs of every version and state: by the rules, and as Inspect itself reads them."""

import json
import subprocess
import sys
from datetime import UTC, datetime

import polars as pl
import pytest

from calibrant import read
from calibrant.errors import InputError
from calibrant.records import content_hash


@pytest.mark.parametrize("method", [0, 8, 93])
def test_a_log_gives_one_trial_for_each_score(make, method):
    path = make.eval([make.sample(1), make.sample(2, value="I")], method=method)
    found = read(path)
    row = found.trials.row(0, named=True)
    hashed = content_hash(["Question 1?", None, "4"])[:16]
    assert {k: row[k] for k in ("run", "subject", "instrument", "item", "epoch")} == {
        "run": "T1", "subject": "openai/gpt-4o", "instrument": "quiz", "item": f"1:{hashed}",
        "epoch": 1,
    }  # fmt: skip
    assert (row["cluster"], row["grader"], row["score"], row["answer"]) == (
        "f1", "match", 1.0, "It is 4.",
    )  # fmt: skip
    assert (row["input_tokens"], row["output_tokens"], row["seconds"]) == (9, 1, 1.5)
    assert row["time"] == datetime(2026, 1, 1, 0, 0, 5, tzinfo=UTC)
    assert found.trials["score"].to_list() == [1.0, 0.0]
    assert found.absent == found.missing == 0


def test_eval_and_json_of_the_same_log_count_once(make):
    samples = [make.sample(i, epoch) for i in (1, 2) for epoch in (1, 2)]
    make.eval(samples)
    make.json(samples)
    found = read(make.folder)
    assert found.trials.height == 4
    assert (found.repeated, found.conflicts) == (4, 0)


def test_the_same_trial_with_another_score_is_a_conflict_and_the_first_counts(make):
    make.eval([make.sample(1, value="C")], name="a.eval")
    make.eval([make.sample(1, value="I")], name="b.eval")
    found = read(make.folder)
    assert found.trials["score"].to_list() == [1.0]
    assert (found.repeated, found.conflicts) == (1, 1)


def test_a_retry_completes_the_log_it_retries(make):
    failed = make.sample(2, scores=None, error={"message": "boom", "traceback": ""})
    make.eval([make.sample(1), failed], make.header(status="error"), name="a.eval")
    make.eval([make.sample(1), make.sample(2)], make.header(eval_id="E2", run_id="R2"), "b.eval")
    found = read(make.folder)
    assert found.trials["score"].to_list() == [1.0, 1.0]
    assert found.missing == 0


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        ("C", {"match": 1.0}),
        ("P", {"match": 0.5}),
        ("I", {"match": 0.0}),
        ("N", {"match": 0.0}),
        (True, {"match": 1.0}),
        ("Yes", {"match": 1.0}),
        ("false", {"match": 0.0}),
        (0.3, {"match": 0.3}),
        ("-5", {"match": -5.0}),
        ({"a": 1, "b": "C"}, {"match.a": 1.0, "match.b": 1.0}),
        ([1, 0], {"match.0": 1.0, "match.1": 0.0}),
        ("perhaps", {"match": None}),
        (None, {"match": None}),
        (float("nan"), {"match": None}),
        (float("inf"), {"match": None}),
        (10**400, {"match": None}),
    ],
)
def test_scores_are_numbers_by_the_rules_of_inspect(make, value, rows):
    trials = read(make.eval([make.sample(value=value)])).trials
    assert dict(zip(trials["grader"], trials["score"], strict=True)) == rows
    assert (
        trials.filter(pl.col("score").is_null())["error"].str.starts_with("score is no num").all()
    )


def test_a_failed_sample_is_missing_for_every_grader(make):
    two = {"match": {"value": "C"}, "judge": {"value": {"tone": 1, "facts": 0}}}
    failed = make.sample(2, scores={}, error={"message": "boom", "traceback": "…"})
    trials = read(make.eval([make.sample(1, scores=two), failed])).trials
    lost = trials.filter(pl.col("score").is_null())
    assert lost["grader"].to_list() == ["match", "judge.tone", "judge.facts"]
    assert lost["error"].to_list() == ["boom"] * 3


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"scores": None}, "no score was given"),
        ({"scores": None, "limit": {"type": "token", "limit": 9}},
         "no score was given (limit: token)"),
        ({"scores": None, "output": {"error": "refused"}}, "refused"),
        ({"invalidation": {"reason": "leaked"}}, "declared invalid: leaked"),
    ],
)  # fmt: skip
def test_why_a_trial_is_missing(make, changes, error):
    trials = read(make.eval([make.sample(**changes)])).trials
    assert trials["score"].to_list() == [None]
    assert trials["error"].to_list() == [error]
    assert trials["grader"].to_list() == ["match"]


def test_a_sample_scored_although_it_failed_keeps_its_score(make):
    sample = make.sample(error={"message": "late", "traceback": ""})
    row = read(make.eval([sample])).trials.row(0, named=True)
    assert (row["score"], row["error"]) == (1.0, None)
    assert json.loads(row["metadata"])["error"] == "late"


def test_a_running_log_has_no_header_yet(make):
    start = {**make.header(), "status": "started"}
    members = [("_journal/start.json", start), ("samples/1_epoch_1.json", make.sample(1))]
    path = make.folder / "log.eval"
    path.write_bytes(make.zip(members))
    found = read(path)
    assert found.trials.height == 1
    assert found.absent == 1
    assert found.sources[0].notes == ("status started",)


def test_a_cancelled_log_says_how_many_answers_are_absent(make):
    header = make.header(status="cancelled", config={"epochs": 3})
    found = read(make.json([make.sample(1)], header))
    assert found.absent == 5


def test_what_was_used_stands_in_the_metadata(make):
    call = {"id": "c", "function": "bash", "arguments": {}}
    sample = make.sample(
        messages=[{"role": "assistant", "content": "", "tool_calls": [call, call]},
                  {"role": "tool", "content": "x"}],
        limit={"type": "message", "limit": 3}, error_retries=[{"message": "a"}],
        sandbox={"type": "docker"}, metadata={"level": 3, "long": "x" * 999, "list": [1]},
        model_usage={"a": {"input_tokens": 5, "input_tokens_cache_read": 7, "output_tokens": 2,
                           "total_cost": 0.25}, "b": {"output_tokens": 1, "total_cost": 0.5}},
    )  # fmt: skip
    header = make.header(
        model_roles={"grader": {"model": "openai/o3"}, "critic": "openai/o4"}, task_args={"n": 1}
    )
    row = read(make.eval([sample], header)).trials.row(0, named=True)
    assert json.loads(row["metadata"]) == {
        "run_id": "R1", "task_args": {"n": 1}, "uuid": "u1-1", "sandbox": "docker",
        "model_roles": {"grader": "openai/o3", "critic": "openai/o4"}, "tools": {"bash": 2},
        "limit": "message", "retries": 1, "sample": {"level": 3},
    }  # fmt: skip
    assert (row["input_tokens"], row["output_tokens"], row["cost"]) == (12, 3, 0.75)


def test_an_attachment_is_the_text_it_stands_for(make):
    long = "lorem ipsum " * 50
    key = "a" * 32
    inline = make.sample(input=long, output={"completion": long})
    refers = make.sample(
        input=f"attachment://{key}",
        output={"completion": f"attachment://{key}"},
        attachments={key: long},
    )
    old = make.sample(input=f"attachment://{key}", output={"completion": long})
    old["transcript"] = {"events": [], "content": {key: long}}
    tables = [
        read(make.eval([s], name=f"{i}.eval")).trials for i, s in enumerate((inline, refers, old))
    ]
    assert tables[0]["answer"].to_list() == [long]
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])


def test_other_pictures_under_the_same_words_are_another_item(make):
    def shown(picture):
        parts = [{"type": "text", "text": "What?"}, {"type": "image", "image": picture}]
        return [{"id": "x", "role": "user", "content": parts}]

    a, b = (
        read(make.eval([make.sample(input=shown(p))], name=f"{p}.eval")).trials["item"][0]
        for p in "ab"
    )
    assert a != b


@pytest.mark.parametrize("content", [None, 1.5, True, "x", {"a": 1}, [], [1, None]])
def test_content_of_any_shape_is_read(make, content):
    shown = [{"role": "user", "content": content}]
    assert read(make.eval([make.sample(input=shown)])).trials.height == 1


def test_messages_have_no_identity_of_their_own(make):
    def shown(id):
        return [{"id": id, "role": "user", "content": "What?", "source": "input"}]

    a, b = (
        read(make.eval([make.sample(input=shown(i))], name=f"{i}.eval")).trials["item"][0]
        for i in "ab"
    )
    assert a == b


def test_the_answer_of_logs_without_completion(make):
    output = {"choices": [{"message": {"role": "assistant", "content": [
        {"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "Four"}]}}]}  # fmt: skip
    assert read(make.eval([make.sample(output=output)])).trials["answer"][0] == "Four"


def test_the_oldest_logs_have_one_score_without_a_name(make):
    sample = make.sample()
    del sample["scores"]
    sample["score"] = {"value": "C"}
    trials = read(make.json([sample], make.header(version=1))).trials
    assert trials.select("grader", "score").rows() == [("match", 1.0)]


def test_a_sample_in_pieces_is_the_same_sample(make):
    long, call = "lorem ipsum " * 50, {"id": "c", "function": "bash", "arguments": {}}
    turns = [{"role": "user", "content": "x"},
             {"role": "assistant", "content": "", "tool_calls": [call]}]  # fmt: skip
    whole = make.sample(input=long, messages=turns)
    shell = {k: v for k, v in whole.items() if k not in ("metadata", "messages", "events")}
    shell |= {"input": "attachment://1", "message_refs": [[0, 1], [2, 3]]}
    del shell["attachments"]
    other = {"role": "assistant", "content": "", "tool_calls": [call, call]}
    folder = "samples/1_epoch_1"
    path = make.folder / "pieces.eval"
    path.write_bytes(make.zip([
        ("header.json", make.header()), (f"{folder}/sample.json", shell),
        (f"{folder}/metadata.json", whole["metadata"]), (f"{folder}/skeleton.json", {}),
        (f"{folder}/messages/2.json", [turns[1]]), (f"{folder}/messages/0.json", [turns[0], other]),
        (f"{folder}/events/0.json", [{}]), (f"{folder}/events/stats.json", {}),
        (f"{folder}/attachments/0.json", ["no", long]),
    ]))  # fmt: skip
    assert read(path).trials.equals(read(make.eval([whole])).trials)


@pytest.mark.parametrize("suffix", [".eval", ".json"])
def test_clusters_by_a_key_of_the_metadata(make, suffix):
    samples = [make.sample(1, metadata={"passage": 7}), make.sample(2, metadata={})]
    path = make.eval(samples) if suffix == ".eval" else make.json(samples)
    assert read(path, cluster_key="passage").trials["cluster"].to_list() == ["7", None]
    with pytest.raises(InputError, match="no sample has this key"):
        read(path, cluster_key="chapter")


def test_results_without_samples_are_aggregates(make):
    metrics = {"accuracy": {"name": "accuracy", "value": 0.5}, "odd": {"value": float("nan")}}
    score = {"name": "match", "scorer": "match", "metrics": metrics, "scored_samples": 10}
    found = read(make.json([], make.header(results={"scores": [score]})))
    assert found.trials.height == 0
    assert found.aggregates.select("subject", "grader", "statistic", "value", "n").rows() == [
        ("openai/gpt-4o", "match", "accuracy", 0.5, 10),
        ("openai/gpt-4o", "match", "odd", None, 10),
    ]


def test_halves_of_surrogate_pairs_and_control_characters_are_read(make):
    text = json.dumps({**make.header(), "samples": [make.sample(1)]})
    text = text.replace("It is 4.", r"\ud83d\ude00 \ud83d \\ud83d \u001b[2J")
    answer = read(make.text(text, "log.json")).trials["answer"][0]
    assert answer == "\U0001f600 \N{REPLACEMENT CHARACTER} \\ud83d \x1b[2J"


def test_reading_does_not_import_inspect(make):
    path = make.eval([make.sample()])
    code = (
        f"import sys, calibrant; calibrant.read({str(path)!r});"
        "assert not {'inspect_ai', 'narwhals', 'fsspec', 'pydantic'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def expected_rows(log):
    """What a plain reading through Inspect itself says: the slow twin of the reader."""
    from inspect_ai.scorer import value_to_float

    number = value_to_float()
    rows = {}
    for sample in log.samples or []:
        for scorer, score in (sample.scores or {}).items():
            entries = (
                {f"{scorer}.{k}": v for k, v in score.value.items()}
                if isinstance(score.value, dict)
                else {scorer: score.value}
            )
            for grader, value in entries.items():
                rows[str(sample.id), sample.epoch, grader] = (
                    number(value), sample.output.completion,
                    sum(u.output_tokens for u in sample.model_usage.values()),
                )  # fmt: skip
    return rows


def our_rows(trials):
    scored = trials.filter(pl.col("score").is_not_null())
    return {
        (item.rpartition(":")[0], epoch, grader): (score, answer or "", tokens or 0)
        for item, epoch, grader, score, answer, tokens in scored.select(
            "item", "epoch", "grader", "score", "answer", "output_tokens"
        ).iter_rows()
    }


def test_real_logs_say_what_inspect_says_they_say(shared):
    from inspect_ai.log import read_eval_log

    files = [p for p in sorted(shared.glob("inspect*/**/*")) if p.suffix in (".eval", ".json")]
    assert len(files) > 20
    for file in files:
        try:
            log = read_eval_log(str(file), resolve_attachments=True)
        except ValueError as e:  # version 3, which this Inspect does not read as JSON
            assert "version" in str(e)
            continue
        assert our_rows(read(file).trials) == expected_rows(log), file


def test_a_log_written_by_inspect_reads_as_it_was(tmp_path):
    from inspect_ai.log import (
        EvalConfig,
        EvalDataset,
        EvalLog,
        EvalSample,
        EvalSpec,
        write_eval_log,
    )
    from inspect_ai.model import ChatMessageUser, ModelOutput, ModelUsage
    from inspect_ai.scorer import Score

    samples = [
        EvalSample(
            id=f"a/{i}", epoch=e, target="t" * i,
            input=[ChatMessageUser(content="word " * 200 * i)] if i % 2 else "word " * i,
            output=ModelOutput.from_content("m", "answer " * i),
            scores={"match": Score(value="C" if i % 3 else "I"), "f": Score(value={"x": i / 7})},
            model_usage={"m": ModelUsage(input_tokens=3, output_tokens=i)},
        )
        for i in range(6) for e in (1, 2)
    ]  # fmt: skip
    spec = EvalSpec(created="2026-01-01T00:00:00+00:00", task="t", model="m",
                    dataset=EvalDataset(samples=6), config=EvalConfig(epochs=2))  # fmt: skip
    log = EvalLog(eval=spec, samples=samples, status="success")
    tables = []
    for name in ("x.eval", "x.json"):
        write_eval_log(log, str(tmp_path / name))
        found = read(tmp_path / name)
        assert our_rows(found.trials) == expected_rows(log)
        assert found.absent == 0
        tables.append(found.trials.sort("item", "epoch", "grader"))
    assert tables[0].drop("run").equals(tables[1].drop("run"))
