"""What several rooms' tests share: a small Inspect task and suites about planted subjects."""

from __future__ import annotations

import gc
import importlib.metadata
import os
import signal
from functools import cache
from pathlib import Path
from textwrap import dedent, indent

import pytest
from hypothesis import HealthCheck, settings

# The same examples on every run, so that a red test can be reproduced; HYPOTHESIS_PROFILE=explore
# looks for new ones. How long they take says how busy the machine is, and fails no test.
PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("repeatable", derandomize=True, **PATIENT)
settings.register_profile("explore", max_examples=500, **PATIENT)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

# Inspect asks this at every evaluation, and each answer reads the records of all packages.
importlib.metadata.packages_distributions = cache(importlib.metadata.packages_distributions)

# A shell's background jobs ignore Ctrl-C, and so would the processes that tests start and stop.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Keep what was imported out of every later garbage collection: it is never garbage."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


TASK = """
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import includes
from inspect_ai.solver import generate


@task
def yes(n: int = 400):
    return Task(
        dataset=[
            Sample(input=f"Question {i}?", target="positive", metadata={"family": f"f{i % 7}"})
            for i in range(n)
        ],
        solver=generate(),
        scorer=includes(),
    )
"""


@pytest.fixture
def suite_file(tmp_path: Path):
    """Write a suite beside a task file, and return its path."""

    def write(claims: str, subject: str = "standard/rate-0.10", head: str = "") -> Path:
        (tmp_path / "task.py").write_text(TASK)
        file = tmp_path / "suite.yaml"
        body = indent(dedent(claims).strip(), "  ")
        file.write_text(f"subject: {subject}\nseed: 3\n{dedent(head).strip()}\nclaims:\n{body}\n")
        return file

    return write


BELOW = "- {name: a, instrument: task.py@yes, rate: includes, below: 0.30, if_really: 0.15}"


@pytest.fixture
def below() -> str:
    """A claim that the planted subject of rate 0.10 fulfils."""
    return BELOW


HOSTILE = 'evil \x1b[31m<script>"x"</script>]]> | `a` @b #1 \u202e=1+1 https://x.invalid ##['
"""A claim's name with something for every format to trip over."""

ANSWER = "=cmd|' /C calc'!A0 \x1b[2J<b>"

MIXED = r"""
subject: standard/rate-0.10
seed: 3
model_args: {positive: "positive", negative: "=cmd|' /C calc'!A0 \e[2J<b>", fail: 0.03}
generate: {temperature: 0.5}
claims:
  - {name: low, instrument: task.py@yes, rate: includes, below: 0.40, if_really: 0.15}
  - name: "evil \e[31m<script>\"x\"</script>]]> | `a` @b #1 \u202e=1+1 https://x.invalid ##["
    instrument: task.py@yes
    rate: includes
    above: 0.40
    if_really: 0.70
  - {name: open, instrument: task.py@yes, rate: includes, below: 0.12, at_most: 40}
  - {name: made, instrument: calibrant/false_premise, rate: noticed, above: 0.5, if_really: 0.9}
"""


@pytest.fixture(scope="session")
def mixed_run(tmp_path_factory) -> Path:
    """A run folder with a supported, two refuted and an undetermined claim; only to be read."""
    from calibrant import assess

    base = tmp_path_factory.mktemp("mixed")
    # Few items: exact designs for a finite data set are then quick.
    (base / "task.py").write_text(TASK.replace("n: int = 400", "n: int = 120"))
    (base / "suite.yaml").write_text(MIXED)
    command = "calibrant assess evals/suite.yaml -q"
    result = assess(base / "suite.yaml", out=base / "run", command=command)
    assert [c.verdict for c in result.claims] == ["supported", "refuted", "undetermined", "refuted"]
    assert result.claims[1].claim.name == HOSTILE
    return base / "run"
