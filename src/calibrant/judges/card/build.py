"""How does a card come about? From gold labels and from what the other commands found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from calibrant._settings import LARGEST_FILE
from calibrant._text import one_line
from calibrant._version import __version__
from calibrant.errors import InputError
from calibrant.judges.card.findings import findings, untested
from calibrant.judges.card.model import Bias, Card, Figure
from calibrant.judges.gold import Study, Tally, read_study

LEVEL = 0.95

Document = Mapping[str, Any]

SOURCES = ("agreement", "probing", "correction", "pressure", "drift")
"""What a card is made of beside gold, each by a command of its own."""


def make_card(
    name: str,
    *,
    gold: str | Path | None = None,
    judge: str | None = None,
    positive: str | None = None,
    model: str | None = None,
    valid_until: str | None = None,
    agreement: Any = None,
    probing: Any = None,
    correction: Any = None,
    pressure: Any = None,
    drift: Any = None,
) -> Card:
    """The certificate card of a grader.

    Args:
        name: of the grader.
        gold: a table with a column `gold` beside the grader's verdicts; see `read_study`.
        judge: the column of verdicts, by default "judge".
        positive: the verdict that is counted; None: the number 1.
        model: the version the grader was tested as; by default the one that was probed.
        valid_until: a day, YYYY-MM-DD, after which the card lapses.
        agreement, probing, correction, pressure, drift: results of `agree`, `probe`, `correct`,
            `pressure` and `drift`, or paths of the JSON documents that the commands print.

    Raises:
        InputError: naming what is wrong; also if there is nothing at all to put on the card.
    """
    given = {
        n: _document(d, n)
        for n, d in zip(SOURCES, (agreement, probing, correction, pressure, drift), strict=True)
        if d is not None
    }
    if gold is None and not given:
        raise InputError(
            "card: wanted gold labels, or results of agree, probe, correct, pressure or drift; got "
            "nothing, and a card without tests says nothing"
        )
    study = None
    if gold is not None:
        study = read_study(Path(gold), [judge or "judge"], positive, said=Path(gold).name)
    try:
        card = _card(name, study, positive, given, model, valid_until)
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as e:
        # The documents may come from another version, or from anywhere.
        if isinstance(e, InputError):
            raise
        raise InputError(
            f"card: {', '.join(given)}: not what the commands print "
            f"({type(e).__name__}: {one_line(str(e), 120)})"
        ) from e
    return card


def _document(source: Any, name: str) -> Document:
    if hasattr(source, "to_dict"):
        found: Document = source.to_dict()
        return found
    if isinstance(source, Mapping):
        return source
    path = Path(source)
    if path.is_dir():
        path /= f"{name}.json"
    try:
        if path.stat().st_size > 64 * LARGEST_FILE:
            raise InputError(f"{path}: too large for the JSON of a command")
        data = json.loads(path.read_bytes())
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({e.strerror})") from e
    except ValueError as e:
        raise InputError(f"{path}: not JSON ({one_line(str(e), 120)})") from e
    if not isinstance(data, dict):
        raise InputError(f"{path}: wanted the JSON object that a command prints")
    return data


def _card(
    name: str, study: Study | None, positive: str | None, given: dict[str, Document],
    model: str | None, valid_until: str | None,
) -> Card:  # fmt: skip
    if valid_until is not None:
        try:
            date.fromisoformat(valid_until)
        except ValueError as e:
            raise InputError(
                f"valid until: wanted a day as YYYY-MM-DD, got {one_line(valid_until, 40)!r}"
            ) from e
    probing = given.get("probing")
    spec = probing["provenance"]["judge"] if probing else {}
    described = {
        k: one_line(str(v), 300)
        for k, v in spec.items()
        if isinstance(v, str | int | float) and v != ""
    }
    biases = _biases(probing) if probing else []
    parts = {
        "errors": _errors(study) if study else [],
        "agreement": _agreement(given["agreement"]) if "agreement" in given else [],
        "correction": _correction(given["correction"]) if "correction" in given else [],
        "pressure": _pressure(given["pressure"]) if "pressure" in given else [],
        "drift": _drift(given["drift"]) if "drift" in given else [],
    }
    return Card(
        name=one_line(name, 200),
        grader=described,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        valid_until_model=model or (str(spec["model"]) if spec.get("model") else None),
        valid_until=valid_until,
        tested_on=_tested_on(study, given),
        counts=positive,
        study=study,
        biases=biases,
        findings=findings(study, biases, probing, parts, given),
        limits=untested(study, biases, given),
        calibrant=__version__,
        errors=parts["errors"],
        agreement=parts["agreement"],
        correction=parts["correction"],
        pressure=parts["pressure"],
        drift=parts["drift"],
    )


def _tested_on(study: Study | None, given: dict[str, Document]) -> list[str]:
    said = []
    if study is not None:
        labels = study.positives.labels + study.negatives.labels
        said.append(
            f"{labels:,} gold labels in {one_line(study.source, 120)}: "
            f"{study.positives.labels:,} positive, {study.negatives.labels:,} negative."
        )
    if (p := given.get("probing")) is not None:
        said.append(
            f"{p['cases']:,} cases on {p['items']:,} items, {len(p['findings'])} probes, "
            f"{p['verdicts']:,} verdicts."
        )
    if (a := given.get("agreement")) is not None:
        said.append(f"{a['labels']:,} labels of {len(a['graders'])} graders, {a['items']:,} items.")
    if (c := given.get("correction")) is not None:
        said.append(f"{c['items']:,} items, {c['labels']:,} of them with gold labels.")
    if (q := given.get("pressure")) is not None:
        said.append(f"{q['prompts']:,} prompts with up to {q['n_max']:,} answers each.")
    return said


def _errors(study: Study) -> list[Figure]:
    rows = []
    for name, tally in (("sensitivity", study.positives), ("specificity", study.negatives)):
        low, high = (tally.limit((1 - LEVEL) / 2, upper=u) for u in (False, True))
        note = f"{tally.right:,} of {tally.labels:,}"
        note += f", {tally.unparsed:,} verdicts not read" if tally.unparsed else ""
        rows.append(Figure(name=name, value=tally.rate, low=low, high=high, level=LEVEL, note=note))
    return [*rows, _youden(study.positives, study.negatives)]


def _youden(a: Tally, b: Tally) -> Figure:
    # Both limits at once: each rate has half of the error.
    at = (1 - LEVEL) / 4
    low, high = (a.limit(at, upper=u) + b.limit(at, upper=u) - 1 for u in (False, True))
    return Figure(
        name="above chance (sensitivity + specificity - 1)", value=a.rate + b.rate - 1,
        low=low, high=high, level=LEVEL, note="0 says nothing, 1 is perfect",
    )  # fmt: skip


def _biases(probing: Document) -> list[Bias]:
    span = float(probing["high"]) - float(probing["low"])
    rows = []
    for f in probing["findings"]:
        harm = f["detection"]
        if harm is not None:
            value, ends = harm["fell"]["value"], (harm["fell"]["low"], harm["fell"]["high"])
            unit = "share of harmed answers marked down"
        else:
            shift = f["shift"]
            value = shift["value"] / span
            ends = tuple(end / span for end in shift["interval"])
            unit = "shift towards the altered answer, share of the range"
        rows.append(
            Bias(
                probe=f["name"], asks=f["asks"], verdict=f["verdict"], effect=value,
                low=ends[0], high=ends[1], unit=unit, cases=f["cases"],
                unparsed=f["failed_base"] + f["failed_altered"],
            )
        )  # fmt: skip
    order = ("misses", "biased", "undetermined", "robust", "detects")
    return sorted(rows, key=lambda b: (order.index(b.verdict), -abs(b.effect or 0.0)))


def _agreement(found: Document) -> list[Figure]:
    level = found["level"]
    rows = [
        Figure(
            name=c["name"], value=c["value"], low=_end(c, 0), high=_end(c, 1), level=level,
            note=c["undefined"] or c["note"],
        )
        for c in found["coefficients"]
    ]  # fmt: skip
    rows += [
        Figure(
            name=f"{p['kappa']['name']}, {one_line(p['one'], 60)} and {one_line(p['two'], 60)}",
            value=p["kappa"]["value"], low=_end(p["kappa"], 0), high=_end(p["kappa"], 1),
            level=level, note=p["kappa"]["undefined"],
        )
        for p in found["pairs"][:12]
    ]  # fmt: skip
    return rows


def _end(row: Document, which: int) -> float | None:
    interval = row.get("interval")
    return None if interval is None else interval[which]


def _correction(found: Document) -> list[Figure]:
    naive = found["naive"]
    rows = [Figure(name="by the grader alone", value=naive["value"], low=_end(naive, 0),
                   high=_end(naive, 1), level=found["level"])]  # fmt: skip
    rows += [
        Figure(name=f"by gold, {r['method']}", value=r["value"], low=_end(r, 0), high=_end(r, 1),
               level=found["level"], note="recommended")
        for r in found["corrected"] if r["method"] == found["recommended"]
    ]  # fmt: skip
    gain = found["effective_gain"]
    rows.append(Figure(name="labels that a gold label with the grader is worth", value=gain,
                       note=found["worth"]))  # fmt: skip
    return rows


def _pressure(found: Document) -> list[Figure]:
    turn, gold = found["turn"], found["gold"]
    at = [int(i) for i in (0, len(gold["n"]) - 1)]
    rows = [
        Figure(name=f"gold at best of {gold['n'][i]:,}", value=gold["value"][i],
               low=gold["band_low"][i], high=gold["band_high"][i], level=gold["level"])
        for i in at
    ]  # fmt: skip
    rows.append(
        Figure(
            name="best of n at which gold is highest", value=turn["best"],
            low=min(turn["among"], default=None), high=max(turn["among"], default=None),
            level=turn["level"],
            note="a confidence set; n beyond it is worse" if turn["overoptimised"] else "",
        )
    )  # fmt: skip
    rows += [
        Figure(name=f"win rate of the null answer {one_line(n['name'], 60)}", value=n["win_rate"],
               low=n["low"], high=n["high"], level=n["level"])
        for n in found["nulls"]
    ]  # fmt: skip
    return rows


def _drift(found: Document) -> list[Figure]:
    flips = found["flip_interval"]
    rows = [
        Figure(name="share of verdicts that changed", value=found["flip_rate"], low=flips["low"],
               high=flips["high"], level=flips["level"],
               note=f"{found['up']:,} up, {found['down']:,} down, of {found['n']:,}")
    ]  # fmt: skip
    rows += [
        Figure(name=f"change of {one_line(s['of'], 80)}", value=s["change"],
               low=s["interval"]["low"], high=s["interval"]["high"], level=s["interval"]["level"],
               note=f"from {s['before']:.3g} to {s['after']:.3g}")
        for s in (found["shift"], *found["against_gold"])
    ]  # fmt: skip
    return rows
