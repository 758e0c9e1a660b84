"""Logs made in the tests themselves, so that they need nothing from outside."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import pytest
import zstandard

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "logs"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real logs of four tools."""
    if not SHARED.is_dir():
        pytest.skip("the sample logs (../shared/data/logs) are not on this machine")
    return SHARED


def packed(data: bytes, method: int) -> bytes:
    if method == 8:
        deflate = zlib.compressobj(wbits=-15)
        return deflate.compress(data) + deflate.flush()
    return zstandard.ZstdCompressor().compress(data) if method == 93 else data


def make_zip(members, method=93, claim=None, crc=None, flags=0) -> bytes:
    """A zip archive, byte by byte; `claim` and `crc` lie about every member."""
    body, directory = b"", b""
    for name, data in members:
        data = data if isinstance(data, bytes) else json.dumps(data).encode()
        small = packed(data, method)
        size = len(data) if claim is None else claim
        check = zlib.crc32(data) if crc is None else crc
        common = struct.pack(
            "<5H3L2H", 20, flags, method, 0, 33, check, len(small), size, len(name.encode()), 0
        )
        place = len(body)
        body += b"PK\x03\x04" + common + name.encode() + small
        directory += b"PK\x01\x02" + struct.pack("<H", 20) + common
        directory += struct.pack("<3H2L", 0, 0, 0, 0, place) + name.encode()
    n = len(members)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, n, n, len(directory), len(body), 0)
    return body + directory + end


def make_header(**changes) -> dict:
    spec = {
        "eval_id": "E1", "run_id": "R1", "task_id": "T1", "created": "2026-01-01T00:00:00+00:00",
        "task": "quiz", "model": "openai/gpt-4o", "dataset": {"samples": 2, "sample_ids": [1, 2]},
        "config": {"epochs": 1}, "scorers": [{"name": "match"}],
    }  # fmt: skip
    header = {"version": 2, "status": "success", "eval": spec}
    spec.update({k: v for k, v in changes.items() if k not in header})
    header.update({k: v for k, v in changes.items() if k in header or k in ("results", "error")})
    return header


def make_sample(id=1, epoch=1, value="C", **changes) -> dict:
    return {
        "id": id, "epoch": epoch, "input": f"Question {id}?", "target": "4",
        "messages": [], "output": {"choices": [], "completion": "It is 4."},
        "scores": {"match": {"value": value}}, "metadata": {"family": f"f{id}"},
        "model_usage": {"m": {"input_tokens": 9, "output_tokens": 1, "total_tokens": 10}},
        "completed_at": "2026-01-01T00:00:05+00:00", "working_time": 1.5, "uuid": f"u{id}-{epoch}",
        "events": [{"event": "x"}], "attachments": {}, **changes,
    }  # fmt: skip


def eval_bytes(samples, header=None, method=93, **zipped) -> bytes:
    members = [("_journal/start.json", {"version": 2})]
    members += [(f"samples/{s['id']}_epoch_{s['epoch']}.json", s) for s in samples]
    members += [("header.json", header or make_header())]
    return make_zip(members, method, **zipped)


class Make:
    """What the tests build logs with."""

    zip = staticmethod(make_zip)
    header = staticmethod(make_header)
    sample = staticmethod(make_sample)
    eval_bytes = staticmethod(eval_bytes)

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def eval(self, samples, header=None, name="log.eval", **options) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(eval_bytes(samples, header, **options))
        return path

    def json(self, samples, header=None, name="log.json") -> Path:
        document = {**(header or make_header()), "samples": samples}
        return self.text(json.dumps(document), name)

    def text(self, text: str, name: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def helm(self, name="mmlu:subject=law,model=org_m", instances=None) -> Path:
        """A HELM run folder: two instances, one of them also with typos."""
        typos = {"name": "typos", "prob": 0.1}
        told = [("id1", None, 1.0), ("id1", typos, 0.0), ("id2", None, 1.0)]
        folder = self.folder / name

        def stat(metric, mean, perturbation, **more):
            named = {"name": metric, "split": "test"}
            named |= {"perturbation": perturbation} if perturbation else {}
            return {"name": named, "count": 1, "sum": mean, "sum_squared": mean * mean,
                    "mean": mean, **more}  # fmt: skip

        files = {
            "run_spec.json": {"name": name, "adapter_spec": {"model": "org/m"}, "groups": []},
            "scenario_state.json": {
                "adapter_spec": {"model": "org/m"},
                "request_states": [
                    {
                        "instance": {
                            "id": i, "input": {"text": f"{i} {p}"}, "references": [],
                            **({"perturbation": p} if p else {}),
                        },
                        "train_trial_index": 0,
                        "result": {"success": True, "completions": [{"text": " A"}],
                                   "request_time": 1.0, "request_datetime": 1750000000},
                    }
                    for i, p, _ in told
                ],
            },
            "per_instance_stats.json": [
                {
                    "instance_id": i, "train_trial_index": 0,
                    **({"perturbation": p} if p else {}),
                    "stats": [stat("exact_match", s, p), stat("num_prompt_tokens", 12, p)],
                }
                for i, p, s in told
            ],
            "stats.json": [stat("exact_match", 1.0, None)],
        }  # fmt: skip
        for file, content in files.items():
            self.text(json.dumps(content), f"{name}/{file}")
        return folder

    def lm_eval(self, name="lm", **changes) -> Path:
        """Results of two tasks, with the samples of one."""
        date = "2026-01-21T03-44-18.458309"
        results = {
            "results": {
                "toy": {"alias": "toy", "acc,none": 0.5, "acc_stderr,none": 0.1},
                "other": {"alias": "other", "acc,none": 0.25, "acc_stderr,none": 0.01},
            },
            "configs": {}, "n-samples": {"toy": {"original": 9, "effective": 2},
                                         "other": {"original": 99, "effective": 99}},
            "config": {"model": "hf"}, "model_name": "org/m", "lm_eval_version": "0.4.9",
        }  # fmt: skip
        lines = [
            {
                "doc_id": i, "doc": {"q": f"q{i}", "level": i}, "target": "4", "arguments": {},
                "resps": [["4"]], "filtered_resps": ["4"], "filter": f, "metrics": ["acc"],
                "doc_hash": f"{i}" * 64, "prompt_hash": "p", "target_hash": "t",
                "acc": float(i == 0 or f == "strict"), **changes,
            }
            for f in ("none", "strict")
            for i in range(2)
        ]  # fmt: skip
        self.text(json.dumps(results), f"{name}/results_{date}.json")
        text = "\n".join(json.dumps(line) for line in lines)
        self.text(text + "\n", f"{name}/samples_toy_{date}.jsonl")
        return self.folder / name

    def every_eval(self, name="eee", instances=True, version="0.3.0") -> Path:
        """An aggregate record, and the instances it was made from."""
        record = {
            "schema_version": version, "evaluation_id": "src/org_m/17", "retrieved_timestamp": "1",
            "source_metadata": {}, "model_info": {"name": "m", "id": "org/m"},
            "evaluation_results": [
                {
                    "evaluation_name": "bench",
                    "metric_config": {"metric_id": "accuracy", "lower_is_better": False},
                    "score_details": {
                        "score": 0.75,
                        "uncertainty": {"standard_error": {"value": 0.1}, "num_samples": 4},
                    },
                }
            ],
            "detailed_evaluation_results": {"format": "jsonl", "file_path": "a/r_samples.jsonl"},
        }  # fmt: skip
        self.text(json.dumps(record), f"{name}/r.json")
        lines = [
            {
                "schema_version": version, "evaluation_id": "src/org_m/17", "model_id": "org/m",
                "evaluation_name": "bench", "evaluation_result_id": "bench.acc",
                "sample_id": f"s{i}", "sample_hash": "ab" * 32, "interaction_type": "single_turn",
                "input": {"raw": "q", "reference": ["4"]}, "output": {"raw": [f"answer {i}"]},
                "answer_attribution": [], "evaluation": {"score": float(i), "is_correct": bool(i)},
                "token_usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
                "performance": {"latency_ms": 1500}, "metadata": {"subject": "law"},
                "error": "timeout" if i == 2 else None,
            }
            for i in (0, 1, 2, 1)
        ]  # fmt: skip
        if instances:
            text = "\n".join(json.dumps(line) for line in lines)
            self.text(text, f"{name}/r_samples.jsonl")
        return self.folder / name


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Builders of logs in a folder of the test."""
    return Make(tmp_path)
