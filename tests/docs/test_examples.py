"""The examples run as they stand (the one on the embedded model is what `calibrant demo` runs)."""

import re
import runpy
from pathlib import Path

import pytest

from calibrant import assess
from calibrant.contamination import read_inflation
from calibrant.contamination.fresh.stream import Secret

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_example_with_an_own_task_decides_its_claim(tmp_path):
    if not EXAMPLES.is_dir():
        pytest.skip("the examples are not beside an installed package")
    result = assess(EXAMPLES / "own-task.yaml", out=tmp_path / "run")
    (finding,) = result.claims
    assert finding.verdict == "supported"
    assert finding.population.size == 300
    assert {f.family for f in finding.families} <= {"prime", "square", "odd"}


def test_the_story_of_a_leaked_test_ends_undetermined(tmp_path, capsys):
    if not EXAMPLES.is_dir():
        pytest.skip("the examples are not beside an installed package")
    script = runpy.run_path(str(EXAMPLES / "contamination" / "whole_story.py"))
    script["story"](tmp_path, Secret(b"of the tests alone, known to all"))
    told = capsys.readouterr().out
    assert "as observed: supported." in told
    assert "without exposure: undetermined." in told
    found = read_inflation(tmp_path / "inflation.json")
    # Three quarters of what it does not know, at a rate of 0.4, is what leaked.
    assert found.interval[0] <= 0.75 * 0.6 <= found.interval[1]
    assert found.without_interval[0] <= 0.4 <= found.without_interval[1]
    assert found.interval[0] > 0.1 and found.p < 0.001


@pytest.mark.slow
def test_the_story_of_a_survey_is_honest_about_its_ranks(tmp_path, capsys):
    if not EXAMPLES.is_dir():
        pytest.skip("the examples are not beside an installed package")
    script = runpy.run_path(str(EXAMPLES / "priorities" / "whole_story.py"))
    script["story"](tmp_path, page=False)
    told = capsys.readouterr().out
    assert "0 contradictions" in told
    lost = [float(x) for x in re.findall(r"([\d.]+) lost per area", told)]
    # Pooling beats means of few ratings, and asking where it helps beats both.
    assert lost[0] > lost[1] > lost[2]
    (inside,) = re.findall(r"(\d+)% of the 90% rank intervals hold the true rank", told)
    assert int(inside) >= 80


@pytest.mark.slow
def test_the_story_of_a_forecast_is_silent_where_the_past_failed(tmp_path, capsys):
    if not EXAMPLES.is_dir():
        pytest.skip("the examples are not beside an installed package")
    script = runpy.run_path(str(EXAMPLES / "forecast" / "whole_story.py"))
    script["story"](tmp_path)
    told = capsys.readouterr().out
    # `tools` jumps at a scale that the early past had not seen; the other two go on.
    assert re.findall(r"withheld, (\w+): intervals failed", told) == ["tools"]
    ((held, said),) = re.findall(r"settled: (\d+) of (\d+) outcomes", told)
    assert int(said) == 40 and int(held) >= 33
    (moved,) = re.findall(r"nothing was said, moved by ([\d.]+)", told)
    assert float(moved) > 0.2
    ((low, high),) = re.findall(r"doubles every [\d.]+ months \(([\d.]+) to ([\d.]+)\)", told)
    assert float(low) <= 6 <= float(high)
    ((least, most),) = re.findall(r"share of such members between (\d+)% and (\d+)%", told)
    (truth,) = re.findall(r"looked up: for (\d+)%", told)
    assert int(least) <= int(truth) <= int(most)
    assert (tmp_path / "card.html").stat().st_size > 10_000
