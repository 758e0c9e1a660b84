"""What does reading Inspect logs cost? CPU and memory of `calibrant.read` beside `samples_df`.

Inspect writes a log of many samples with messages, and a folder of many logs. Then each reader
reads them in a process of its own, import and all:

- calibrant: `read`, which takes every sample apart;
- inspect: `samples_df` with the columns that `read` gives too, the answer among them;
- (imports): what Inspect's imports alone cost;
- summaries: `samples_df` as it comes, from the shortened summaries in the log, without answers and
  with inputs cut short: less than `read` gives.

    python benchmarks/read.py [SAMPLES] [LOGS]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "lazy", "dog", "nobody", "looks"]

READERS = {
    "calibrant": "import calibrant; n = calibrant.read(path).trials.height",
    "inspect": (
        "from inspect_ai.analysis import SampleColumn, SampleSummary, samples_df;"
        "answer = SampleColumn('answer', path='$.output.completion', full=True);"
        "n = len(samples_df(path, columns=[*SampleSummary, answer], quiet=True))"
    ),
    "(imports)": "import inspect_ai.analysis; n = 0",
    "summaries": (
        "from inspect_ai.analysis import samples_df; n = len(samples_df(path, quiet=True))"
    ),
}


def text(seed: int, words: int) -> str:
    """Words that compress as prose does, not as one line repeated."""
    state, out = seed * 2654435761 % 2**32, []
    for _ in range(words):
        state = (1103515245 * state + 12345) % 2**31
        out.append(WORDS[(state >> 16) % len(WORDS)])
    return " ".join(out)


def write_log(path: Path, first: int, samples: int) -> None:
    """A log of `samples` samples, each a conversation of eight messages, written by Inspect."""
    from inspect_ai.event import InfoEvent
    from inspect_ai.log import (
        EvalConfig,
        EvalDataset,
        EvalLog,
        EvalSample,
        EvalSpec,
        write_eval_log,
    )
    from inspect_ai.model import ChatMessageAssistant, ChatMessageUser, ModelOutput, ModelUsage
    from inspect_ai.scorer import Score

    def sample(i: int) -> EvalSample:
        turns = [
            ChatMessageAssistant(content=text(9 * i + t, 60)) if t % 2
            else ChatMessageUser(content=text(9 * i + t, 60))
            for t in range(8)
        ]  # fmt: skip
        return EvalSample(
            id=i, epoch=1, input=text(i, 90), target="dog", messages=turns,
            output=ModelOutput.from_content("mockllm/model", text(i + 1, 60)),
            scores={"match": Score(value="C" if i % 3 else "I"), "length": Score(value=i % 7)},
            metadata={"family": f"f{i % 40}"}, events=[InfoEvent(data=text(i, 40))] * 6,
            model_usage={"mockllm/model": ModelUsage(input_tokens=90, output_tokens=60)},
            total_time=1.5, working_time=1.25,
        )  # fmt: skip

    ids = range(first, first + samples)
    spec = EvalSpec(
        created="2026-01-01T00:00:00+00:00", task="quiz", task_id=f"task{first}",
        model="mockllm/model", config=EvalConfig(epochs=1), dataset=EvalDataset(samples=samples),
    )  # fmt: skip
    log = EvalLog(eval=spec, status="success", samples=[sample(i) for i in ids])
    write_eval_log(log, str(path))


def multiplied(source: Path, target: Path, copies: int, name: str) -> None:
    """A log with each sample of `source` several times under new ids: Inspect takes long to write.

    Every member is packed as Inspect packs it.
    """
    from inspect_ai._util.zipfile import zipfile_compress_kwargs

    def renamed(sample: dict[str, Any], copy: int) -> dict[str, Any]:
        return {
            **sample,
            "id": f"{name}-{sample['id']}-{copy}",
            "uuid": f"{name}-{sample['id']}-{copy}",
        }

    with (
        zipfile.ZipFile(source) as old,
        zipfile.ZipFile(target, "w", **zipfile_compress_kwargs) as new,
    ):
        for member in old.namelist():
            content = json.loads(old.read(member))
            if member.startswith("samples/"):
                for copy in range(copies):
                    sample = renamed(content, copy)
                    new.writestr(f"samples/{sample['id']}_epoch_1.json", dumped(sample))
                continue
            if "summaries" in member:
                content = [renamed(s, copy) for copy in range(copies) for s in content]
            elif "eval" in content:
                spec = content["eval"]
                spec |= {
                    k: f"{spec[k]}{name}" for k in ("eval_id", "run_id", "task_id") if k in spec
                }
                spec["dataset"]["samples"] *= copies
                spec["dataset"].pop("sample_ids", None)
            new.writestr(member, dumped(content))


def dumped(content: Any) -> bytes:
    """Compact JSON, as Inspect writes it."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def cost(reader: str, path: Path) -> tuple[float, float, float, int]:
    """CPU seconds, wall seconds, peak memory in MiB, and rows."""
    code = (
        f"import resource; path = {str(path)!r}; {READERS[reader]};"
        "u = resource.getrusage(resource.RUSAGE_SELF);"
        "c = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "peak = next(x for x in open('/proc/self/status') if x.startswith('VmHWM')).split()[1];"
        "print(u.ru_utime + u.ru_stime + c.ru_utime + c.ru_stime, int(peak) / 1024, n)"
    )
    start = time.monotonic()
    # One thread in Polars: spinning workers would count as CPU of whoever uses it.
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "POLARS_MAX_THREADS": "1"},
    )  # fmt: skip
    seconds, peak, rows = done.stdout.split()[-3:]
    return float(seconds), time.monotonic() - start, float(peak), int(rows)


def compare(name: str, path: Path) -> bool:
    """Print the costs of all readers; whether calibrant needs at most a fifth of Inspect's CPU."""
    size = sum(p.stat().st_size for p in ([path] if path.is_file() else path.iterdir()))
    print(f"{name}, {size / 2**20:.0f} MiB")
    ours = 0.0
    ratio = 0.0
    for reader in READERS:
        cpu, wall, peak, rows = cost(reader, path)
        ours = ours or cpu
        ratio = cpu / ours if reader == "inspect" else ratio
        print(
            f"  {reader:<10} {cpu:7.2f} s CPU {wall:7.2f} s wall {peak:6.0f} MiB peak"
            f" {rows:7,} rows  {cpu / ours:5.1f} times calibrant",
            flush=True,
        )
    return ratio >= 5


def main() -> int:
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    logs = int(sys.argv[2]) if len(sys.argv) > 2 else 500
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "logs").mkdir()
        write_log(folder / "few.eval", 0, 20)
        write_log(folder / "small.eval", 0, samples // 20)
        multiplied(folder / "small.eval", folder / "big.eval", 20, "big")
        for i in range(logs):
            path = folder / "logs" / f"2026-01-01T00-00-00-00-00_quiz_{i}.eval"
            multiplied(folder / "few.eval", path, 1, f"log{i}")
        held = [
            compare(f"one log of {samples // 20:,} samples", folder / "small.eval"),
            compare(f"one log of {samples:,} samples", folder / "big.eval"),
            compare(f"{logs:,} logs of 20 samples", folder / "logs"),
        ]
    return 0 if all(held[1:]) else 1


if __name__ == "__main__":
    sys.exit(main())
