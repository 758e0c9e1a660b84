"""The tables of a transfer card, each cell as text that is safe to show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from calibrant.report.words import count, line, plural
from calibrant.scaling.cards.documents import Document, check

MOST = 120
"""Rows of a table."""


def number(value: Any) -> str:
    """A number with three digits; a dash where there is none."""
    return "—" if value is None else f"{float(value):.3g}"


def ends(pair: Any) -> str:
    """Two ends of an interval; nothing where there is none."""
    return "" if not pair else f"{number(pair[0])} to {number(pair[1])}"


def forecasts(document: Document, settled: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The forecasts, those that are settled first, with what came of them."""
    seen = {(r["subject"], r["measure"]): r for r in settled}
    if not document:
        return []
    told = check(document, "card")
    rows = list(enumerate(document.get("forecast") or []))
    rows.sort(key=lambda r: (r[1]["subject"], r[1]["measure"]) not in seen)
    found = []
    for place, r in rows[:MOST]:
        came = seen.get((r["subject"], r["measure"]))
        found.append({
            "subject": line(str(r["subject"]), 120),
            "family": line(str(r.get("family") or ""), 80),
            "measure": line(str(r["measure"]), 80),
            "distance": "—" if r.get("distance") is None else f"{r['distance']:.2f}",
            "median": number(told[place].median),
            "interval": ends((told[place].low, told[place].high)),
            "outcome": "" if came is None else number(came["outcome"]),
            "held": "" if came is None else "inside" if came["covered"] else "outside",
            "log_score": "" if came is None else _log(came["log_score"]),
            "crps": "" if came is None else number(came["crps"]),
        })  # fmt: skip
    return found


def silent(document: Document) -> list[tuple[str, str]]:
    """Why forecasts are withheld, and which, one row a reason."""
    why: dict[str, list[str]] = defaultdict(list)
    for r in document.get("withheld_rows") or []:
        why[line(str(r.get("why")), 400)].append(line(f"{r['subject']} on {r['measure']}", 120))
    if not why and document.get("withheld"):
        return [(line(str(document["withheld"]), 400), "all")]
    return [
        (reason, ", ".join(who[:4]) + (f" and {count(len(who) - 4)} more" if len(who) > 4 else ""))
        for reason, who in list(why.items())[:MOST]
    ]


def models(document: Document) -> list[dict[str, str]]:
    """The models, heaviest first, with what they assume and whether they beat the plain ones."""
    found = []
    for m in (document.get("models") or [])[:MOST]:
        said = "plain" if m.get("baseline") else "yes" if m.get("beats") else "not shown"
        found.append({
            "name": line(str(m["name"]), 80), "says": line(str(m.get("says") or ""), 300),
            "weight": f"{m['weight']:.0%}" if m.get("weight") is not None else "—",
            "log_score": number(m.get("log_score")), "crps": number(m.get("crps")),
            "coverage": "—" if m.get("coverage") is None else f"{m['coverage']:.0%}",
            "beats": said, "failed": line(str(m.get("failed") or ""), 200),
        })  # fmt: skip
    return found


def past(document: Document) -> list[tuple[str, str, str]]:
    """What the back-test found, as (what, value, interval)."""
    test = document.get("backtest") or {}
    if not test.get("n"):
        return []
    level = f"{float(document['level']):.0%}"
    families = plural(int(test.get("families") or 0), "family", "families")
    rows = [
        ("Forecasts judged", f"{count(int(test['n']))} in {families}",
         "" if test.get("effective") is None
         else f"worth {test['effective']:.1f} independent ones"),
        (f"Held by {level} intervals",
         "—" if test.get("coverage") is None else f"{test['coverage']:.1%}",
         " to ".join(f"{x:.1%}" for x in test.get("coverage_interval") or [])),
        ("CRPS (lower is better)", number(test.get("crps")), ends(test.get("crps_interval"))),
        ("Log score (higher is better)", number(test.get("log_score")),
         ends(test.get("log_score_interval"))),
    ]  # fmt: skip
    if test.get("width") is not None:
        rows.append((f"Mean width of {level} intervals", number(test["width"]), ""))
    pit = test.get("pit") or {}
    if pit.get("mean") is not None:
        rows.append(("Mean place of outcomes (0.5 is right)", number(pit["mean"]),
                     ends(pit.get("mean_interval"))))  # fmt: skip
    return rows


def peers(document: Document) -> list[tuple[str, str, str]]:
    """What others' intervals held on the same outcomes."""
    return [
        (line(str(p["says"]), 200),
         "—" if p.get("coverage") is None else f"{p['coverage']:.0%}", number(p.get("width")))
        for p in ((document.get("backtest") or {}).get("peers") or [])[:MOST]
    ]  # fmt: skip


def track_rows(settled: Mapping[str, Any] | None) -> list[tuple[str, str, str]]:
    """The scores of a settled forecast, and those of its baselines."""
    if settled is None or not settled.get("track"):
        return []
    t = settled["track"]
    rows = [
        ("Outcomes inside", f"{t['covered']} of {t['n']}",
         " to ".join(f"{x:.0%}" for x in t["coverage_interval"] or [])),
        ("Log score", number(t["log_score"]), ends(t["log_score_interval"])),
        ("CRPS", number(t["crps"]), ends(t["crps_interval"])),
        ("Mean place of outcomes (0.5 is right)", number(t["pit"]), ""),
    ]  # fmt: skip
    rows += [
        (f"Log score above {line(str(name), 60)}", number(b["gain"]), ends(b["gain_interval"]))
        for name, b in (settled.get("baselines") or {}).items()
    ]
    return rows


def _log(value: float | None) -> str:
    return "−∞" if value is None else number(value)
