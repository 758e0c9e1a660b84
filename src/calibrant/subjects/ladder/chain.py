"""Does the whole chain hold? Small subjects, their ladder, a sealed forecast, the truth, the score.

All that is made stands in one folder, and what stands there is not made again: subjects one by
one, then the registered forecast, then the largest subject, then the settlement.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from calibrant._figure import Shown
from calibrant._files import write_whole
from calibrant._text import dumps, one_line
from calibrant.errors import InputError, SubjectError
from calibrant.scaling.cards.register import Registered, read_registered, register
from calibrant.scaling.cards.settle import read_settled, settle
from calibrant.scaling.metrics.following import following, persistence
from calibrant.scaling.metrics.ladder import MetricLadders, metric_ladder
from calibrant.scaling.metrics.read import read_answers
from calibrant.scaling.metrics.rungs import Answers
from calibrant.subjects.ladder.design import LADDERS
from calibrant.subjects.ladder.learn import Rung, Say, answers, compute_of, learnt

LEVEL = 0.9
SAYS = {
    "ladder": "The graded score goes on along straight lines in log compute; items keep their order"
    " of difficulty, so that every other rung follows.",
    "persistence": "The next subject scores as the largest known one.",
}


@dataclass(frozen=True, repr=False)
class Climb(Shown):
    """A ladder that was climbed to its end.

    Attributes:
        name: such as "seven-0".
        folder: where all of it stands.
        subjects: the smallest first.
        before: the metric ladder of all but the largest subject; what the forecast was made from.
        forecast: as it was registered.
        seal: of the registration.
        settled: the settlement, as plain data.
        after: the metric ladder with the largest subject.
    """

    name: str
    folder: str
    subjects: tuple[Rung, ...]
    before: MetricLadders
    forecast: dict[str, Any]
    seal: str
    settled: dict[str, Any]
    after: MetricLadders

    def __repr__(self) -> str:
        rows = self.settled["rows"]
        held = sum(r["covered"] for r in rows)
        return (
            f"ladder {self.name}: {len(self.subjects)} subjects; of {len(rows)} forecasts of the "
            f"largest, registered before it was trained, {held} intervals held"
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "name": self.name, "folder": self.folder,
            "subjects": [asdict(s) for s in self.subjects],
            "before": self.before.to_dict(), "forecast": self.forecast, "seal": self.seal,
            "settled": self.settled, "after": self.after.to_dict(),
        }  # fmt: skip


def climb_ladder(
    out: str | Path, *, ladder: str = "seven", seed: int = 0, say: Say | None = None
) -> Climb:
    """Train a ladder, forecast its largest subject before it is trained, and settle.

    Args:
        out: a folder; what an interruption left there is taken up again.
        ladder: of `LADDERS`.
        seed: of the world, its text and the networks.
        say: told how far training is.

    Raises:
        InputError: for an unknown ladder, or a folder of another one, or one in which the largest
            subject was trained before its forecast was registered.
        SubjectError: without JAX, or if the folder cannot be written.
        WeightsError: if something in it was altered.
    """
    folder = Path(out)
    top = _begun(folder, ladder, seed)
    known = [learnt(folder, ladder, seed, i, say) for i in range(top)]
    seen = _table(folder, ladder, seed, range(top), "answers-before.parquet")
    before = metric_ladder(seen, seed=seed)
    sealed = folder / "registered.json"
    if not sealed.exists():
        if list(folder.glob(f"subject-{top}.*")):
            raise InputError(
                f"{folder}: the largest subject was trained before its forecast was registered; "
                "begin in a new folder"
            )
        _register(folder, seen, ladder, seed, top, sealed)
    made = read_registered(sealed)
    last = learnt(folder, ladder, seed, top, say)
    every = _table(folder, ladder, seed, range(top + 1), "answers.parquet")
    settled = _settle(folder, made, every, f"{ladder}-{seed}")
    assert made.document is not None
    after = metric_ladder(every, seed=seed)
    found = Climb(
        f"{ladder}-{seed}", str(folder), (*known, last), before, dict(made.document), made.seal,
        settled, after,
    )  # fmt: skip
    _write(folder / "climb.json", (dumps(found.to_dict(), indent=1) + "\n").encode())
    return found


def _begun(folder: Path, ladder: str, seed: int) -> int:
    """The folder, made; returns the number of the largest subject."""
    if ladder not in LADDERS:
        raise InputError(f"no ladder {one_line(ladder, 40)!r}: wanted one of {', '.join(LADDERS)}")
    if not 0 <= seed < 10**9:
        raise InputError(f"seed: wanted from 0 to below 1e9, got {seed}")
    named = folder / "ladder.json"
    mine = {"ladder": ladder, "seed": seed}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not named.exists() and any(folder.iterdir()):
            raise InputError(f"{folder}: wanted a new folder, or one of a ladder; it is neither")
        if named.exists() and json.loads(named.read_text(encoding="utf-8")) != mine:
            raise InputError(f"{folder}: of another ladder than {ladder}-{seed}; name a new folder")
    except OSError as e:
        raise SubjectError(f"{folder}: cannot be written: {e.strerror or e}") from e
    except ValueError as e:
        if isinstance(e, InputError):
            raise
        raise InputError(f"{named}: cannot be read: {one_line(str(e))}") from e
    _write(named, (json.dumps(mine) + "\n").encode())
    return len(LADDERS[ladder].sizes) - 1


def _table(folder: Path, ladder: str, seed: int, which: range, name: str) -> pl.DataFrame:
    """Answers of some subjects, kept in a file so that others can look at them."""
    path = folder / name
    if not path.exists():
        table = pl.concat([answers(folder, ladder, seed, i) for i in which])
        new = path.with_suffix(".new.parquet")
        try:
            table.write_parquet(new)
            new.replace(path)
        except OSError as e:
            raise SubjectError(f"{path}: cannot be written: {e.strerror or e}") from e
    return pl.read_parquet(path)


def _register(
    folder: Path, seen: pl.DataFrame, ladder: str, seed: int, top: int, sealed: Path
) -> Registered:
    compute = compute_of(LADDERS[ladder], top)
    document = forecast_of(seen, f"{ladder}-{seed}/{top}", f"{ladder}-{seed}", compute)
    return register(
        document, data=[folder / "answers-before.parquet"],
        note="made before the largest subject was trained", log=folder / "forecasts.jsonl",
        out=sealed, where=str(sealed),
    )  # fmt: skip


def forecast_of(seen: pl.DataFrame, subject: str, family: str, compute: float) -> dict[str, Any]:
    """The forecast of every rung of every skill for a larger subject, as `forecast --json` has it.

    Args:
        seen: answers of smaller subjects.
        compute: of the larger one, in floating point operations.
    """
    measures, _, _ = read_answers(seen)
    at = float(np.log10(compute))
    rows: dict[str, list[dict[str, Any]]] = {"ladder": [], "persistence": []}
    ways: dict[str, str] = {}
    for each in measures:
        for name in each.values:
            measure = f"{each.measure}: {name}"
            own, ways[measure] = following(each, name, at)
            for model, density in (("ladder", own), ("persistence", persistence(each, name))):
                low, high = density.interval(LEVEL)
                rows[model].append(
                    {"subject": subject, "family": family, "measure": measure, "scale": at,
                     "date": None, "distance": at - float(each.scale[-1]),
                     "median": float(density.quantile(0.5)[0]), "mean": None, "sd": None,
                     "low": float(low[0]), "high": float(high[0]),
                     "density": density.to_dict()[0]}
                )  # fmt: skip
    tried = metric_ladder(seen)
    intervals = [
        {"subject": r["subject"], "measure": r["measure"], "level": LEVEL, "low": r["low"],
         "high": r["high"]}
        for r in rows["ladder"]
    ]  # fmt: skip
    return {
        "target": [r["measure"] for r in rows["ladder"]], "scale": "compute", "family": "family",
        "cut": f"scale<={10 ** max(float(m.scale[-1]) for m in measures):.6g}", "level": LEVEL,
        "models": [
            {"name": m, "says": s, "baseline": m == "persistence", "weight": float(m == "ladder")}
            for m, s in SAYS.items()
        ],
        "forecast": rows["ladder"], "intervals": intervals,
        "baselines": [{"name": "persistence", "forecast": rows["persistence"]}],
        "backtest": None,
        "history": [
            {"subject": str(who), "family": family, "measure": f"{each.measure}: {name}",
             "scale": float(x), "date": None, "score": float(v.mean())}
            for each in measures for name, values in each.values.items()
            for who, x, v in zip(each.subject, each.scale, values, strict=True)
        ],
        "tried": {a.measure: [t.to_dict() for t in a.tried] for a in tried.ladders},
        "distance": {
            "orders_of_magnitude": rows["ladder"][0]["distance"], "months": None,
            "unit": "orders of magnitude",
        },
        "warnings": [
            "intervals are of the scatter of few subjects about straight lines; whether skills go "
            "on along them cannot be seen from below",
            "where a score has limits, intervals may reach half an item beyond them: no item right "
            "is a score of exactly 0, which no interval within the limits would hold",
        ],
        "withheld": None, "notes": [f"{m}: {way}" for m, way in ways.items()],
    }  # fmt: skip


def _settle(folder: Path, made: Registered, every: pl.DataFrame, family: str) -> dict[str, Any]:
    path = folder / "settled.json"
    if not path.exists():
        rows = []
        for each in read_answers(every)[0]:
            rows += _truth(each, family)
        outcomes = pl.DataFrame(rows)
        _write(folder / "outcomes.csv", outcomes.write_csv().encode())
        settle(made, outcomes, log=folder / "forecasts.jsonl", out=path, scale="scale")
    return read_settled(path)


def _truth(each: Answers, family: str) -> list[dict[str, Any]]:
    return [
        {"subject": str(each.subject[-1]), "family": family, "scale": float(10 ** each.scale[-1]),
         "measure": f"{each.measure}: {name}", "score": float(values[-1].mean())}
        for name, values in each.values.items()
    ]  # fmt: skip


def _write(path: Path, data: bytes) -> None:
    try:
        write_whole(path, data)
    except OSError as e:
        raise SubjectError(f"{path}: cannot be written: {e.strerror or e}") from e
