"""The examples run as they stand (the one on the embedded model is what `calibrant demo` runs)."""

from pathlib import Path

import pytest

from calibrant import assess

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_example_with_an_own_task_decides_its_claim(tmp_path):
    if not EXAMPLES.is_dir():
        pytest.skip("the examples are not beside an installed package")
    result = assess(EXAMPLES / "own-task.yaml", out=tmp_path / "run")
    (finding,) = result.claims
    assert finding.verdict == "supported"
    assert finding.population.size == 300
    assert {f.family for f in finding.families} <= {"prime", "square", "odd"}
