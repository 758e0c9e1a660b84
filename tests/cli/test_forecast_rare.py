"""`calibrant forecast rare`: what n trials say of deployment, and what is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from calibrant.cli import main


@pytest.fixture
def run(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def call(*args: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(["forecast", "rare", *map(str, args)])
        out, err = capsys.readouterr()
        return int(stopped.value.code or 0), out, err

    return call


def trials(path: Path, events: float) -> Path:
    rng = np.random.default_rng(0)
    share = rng.beta(0.3, 8, 60) if events else np.zeros(60)
    rows = [(f"i{i}", e, float(rng.random() < p)) for i, p in enumerate(share) for e in range(20)]
    pl.DataFrame(rows, schema=["item", "epoch", "score"], orient="row").write_csv(path)
    return path


def test_no_event_is_no_rate_of_zero(run, tmp_path):
    code, out, _ = run(trials(tmp_path / "t.csv", 0), "--deployments", "1e6", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["deployment"]["rate"] == 0
    # Sixty items are sixty independent trials, however often each was tried.
    assert found["deployment"]["high"] >= 1 - 0.05 ** (1 / 60) - 1e-9
    assert found["hidden"]["worst_share"] == pytest.approx(1 - 0.05 ** (1 / 60), rel=1e-6)
    _, text, _ = run(trials(tmp_path / "t.csv", 0), "--deployments", "1e6")
    assert "about 3/60" in text and "not ruled out" in text


def test_attempts_tails_and_a_figure(run, tmp_path):
    file = trials(tmp_path / "t.csv", 1)
    code, out, _ = run(file, "--deployments", "1000", "--k", "1,5", "--json")
    found = json.loads(out)
    assert code == 0
    score = pl.read_csv(file)["score"]
    assert found["pass_at_k"][0]["value"] == pytest.approx(score.mean())
    assert found["pass_at_k"][0]["low"] < score.mean() < found["pass_at_k"][0]["high"]
    rng = np.random.default_rng(1)
    pl.DataFrame({"probability": 10 ** (-2 - rng.gamma(3, 1, 400))}).write_csv(tmp_path / "e.csv")
    figure = tmp_path / "f.svg"
    code, out, _ = run(tmp_path / "e.csv", "--deployments", "1e5", "--figure", figure)
    assert code == 0 and "tail: shape" in out
    assert figure.read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "empty"),
        ("a\nx\n", "wanted columns"),
        ("item,score\na,2\nb,0.5\n", "wanted scores of 0 and 1"),
        ("probability\n0.2\n1.5\n", "1.5"),
        ("events,attempts\n5,3\n", "5"),
    ],
)
def test_what_cannot_be_read_is_one_line(run, tmp_path, content, says):
    (tmp_path / "bad.csv").write_text(content, encoding="utf-8")
    code, out, err = run(tmp_path / "bad.csv", "--deployments", "1e6")
    assert code == 2 and not out
    assert says in err and len(err.strip().splitlines()) == 1
