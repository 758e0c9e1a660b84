"""What does assessing cost beside evaluating? CPU of `calibrant assess` over bare `inspect eval`.

Both administer the same items to the same free subject, each in a process of its own. Prints CPU
seconds of each pair, and the ratio of the medians.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

TASK = """
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import includes
from inspect_ai.solver import generate

@task
def yes():
    samples = [Sample(id=i, input=f"Question {i}?", target="positive") for i in range(3000)]
    return Task(dataset=samples, solver=generate(), scorer=includes())
"""
SUITE = """
subject: standard/rate-0.085
seed: 5
max_connections: 10
claims:
  - {name: a, instrument: task.py@yes, rate: includes, below: 0.10, at_most: 2500}
"""
ROUNDS = 3


def cpu(command: list[str], folder: Path) -> float:
    """User and system seconds of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "INSPECT_DISPLAY": "none"}
    with (folder / "output.txt").open("a") as output:
        subprocess.run(command, cwd=folder, env=environment, stdout=output, stderr=output)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> int:
    pairs = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "task.py").write_text(TASK)
        (folder / "suite.yaml").write_text(SUITE)
        for turn in range(ROUNDS):
            run = [sys.executable, "-m", "calibrant", "assess", "suite.yaml", "-q"]
            assess = cpu([*run, "--out", f"run{turn}"], folder)
            result = json.loads((folder / f"run{turn}" / "assessment.json").read_text())
            trials = sum(1 for _ in (folder / f"run{turn}" / "journal.jsonl").open())
            bare = cpu(
                [sys.executable, "-m", "inspect_ai", "eval", "task.py", "--model",
                 "standard/rate-0.085", "--limit", str(trials), "--max-connections", "10",
                 "--log-dir", f"bare{turn}"],
                folder,
            )  # fmt: skip
            pairs.append((assess, bare))
            print(
                f"{trials} trials ({result['verdict']}): calibrant assess {assess:.1f} s, "
                f"inspect eval {bare:.1f} s CPU"
            )
    ratio = statistics.median(a for a, _ in pairs) / statistics.median(b for _, b in pairs)
    print(f"ratio of the medians: {ratio:.3f}")
    return 0 if ratio <= 1.15 else 1


if __name__ == "__main__":
    sys.exit(main())
