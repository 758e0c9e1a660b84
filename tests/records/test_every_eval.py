"""Every Eval Ever: instances are trials, records without them are aggregates."""

import json

import pytest

from calibrant import read
from calibrant.errors import InputError


def test_instances_are_trials_and_their_record_says_nothing_twice(make):
    found = read(make.every_eval())
    rows = found.trials.select("subject", "instrument", "item", "epoch", "grader", "score").rows()
    hashed = "ab" * 8
    assert rows == [
        ("org/m", "bench", f"s0:{hashed}", 1, "bench.acc", 0.0),
        ("org/m", "bench", f"s1:{hashed}", 1, "bench.acc", 1.0),
        ("org/m", "bench", f"s2:{hashed}", 1, "bench.acc", None),
        ("org/m", "bench", f"s1:{hashed}", 2, "bench.acc", 1.0),
    ]
    first = found.trials.row(0, named=True)
    assert (first["seconds"], first["input_tokens"], first["answer"]) == (1.5, 3, "answer 0")
    assert json.loads(first["metadata"]) == {"sample": {"subject": "law"}}
    assert found.trials["error"].to_list() == [None, None, "timeout", None]
    assert found.aggregates.height == 0


def test_a_record_without_instances_is_aggregates(make):
    found = read(make.every_eval(instances=False))
    columns = ("subject", "instrument", "grader", "value", "standard_error", "n")
    assert found.aggregates.select(columns).rows() == [("org/m", "bench", "accuracy", 0.75, 0.1, 4)]
    assert found.trials.height == 0
    assert "not beside it" in found.sources[0].notes[0]


@pytest.mark.parametrize("instances", [True, False])
def test_a_schema_from_the_future_is_refused(make, instances):
    with pytest.raises(InputError, match=r"schema_version: wanted at most 0.3, got 1.0.0"):
        read(make.every_eval(instances=instances, version="1.0.0"), strict=True)


def test_messages_hold_the_answer_of_agents(make):
    folder = make.every_eval()
    file = folder / "r_samples.jsonl"
    line = json.loads(file.read_text().splitlines()[0])
    line["output"] = None
    line["messages"] = [{"turn_idx": 0, "role": "user", "content": "q"},
                        {"turn_idx": 1, "role": "assistant", "content": "done"}]  # fmt: skip
    file.write_text(json.dumps(line))
    assert read(file).trials["answer"].to_list() == ["done"]


def test_real_records(shared):
    found = read(shared / "eee")
    assert found.trials.select("subject", "instrument", "score").rows() == [
        ("demo-org/demo-model", "demo-source.demo_bench", 1.0)
    ]
    assert found.aggregates.height == 6
    assert found.aggregates["value"].to_list() == [0.4486, 0.4224, 0.0249, 0.2743, 0.419, 0.1946]
