"""What several rooms' tests share: a small Inspect task and suites about planted subjects."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import dedent, indent

import pytest
from hypothesis import settings

# The same examples on every run, so that a red test can be reproduced; HYPOTHESIS_PROFILE=explore
# looks for new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

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
