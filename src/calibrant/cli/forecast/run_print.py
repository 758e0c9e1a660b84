"""A forecast as tables for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from calibrant._text import one_line

if TYPE_CHECKING:
    from calibrant.scaling.result import Forecast
    from calibrant.scaling.stacking.against import Against

MOST = 40
"""Rows of a table; the rest is counted."""

_MARK = {"held": "✓ held", "failed": "✗ failed", "too few": "? too few"}


def tables(found: Forecast) -> list[Table]:
    """What is forecast, what is withheld, the horizons and the models; empty ones are left out."""
    made = [_forecasts(found), _silent(found), _axes(found), _horizons(found), _models(found)]
    return [t for t in made if t.row_count]


def _cell(text: str, limit: int = 40) -> Text:
    return Text(one_line(text, limit))


def _forecasts(found: Forecast) -> Table:
    table = Table(title="forecast", title_justify="left")
    for name in (
        "subject",
        "measure",
        "scale",
        "distance",
        "in family",
        "median",
        f"{found.level:.0%} interval",
    ):
        table.add_column(name, justify="left" if name in ("subject", "measure") else "right")
    rows = list(zip(found.rows(), found.intervals(), strict=True))
    able = found.given is not None
    if able:
        table.add_column("above abilities", justify="right")
    truth = any(r["outcome"] is not None for r, _ in rows)
    if truth:
        table.add_column("came", justify="right")
    for r, i in rows[:MOST]:
        cells: list[Text | str] = [
            _cell(r["subject"]), _cell(r["measure"]), _power(r["scale"]), _far(r["distance"]),
            _kin(r),
            f"{r['median']:.3g}", f"{i['low']:.3g} to {i['high']:.3g}",
        ]  # fmt: skip
        if able:
            cells.append(_far(r["distance_ability"]))
        if truth and r["outcome"] is not None:
            held = i["low"] <= r["outcome"] <= i["high"]
            cells.append(f"{r['outcome']:.3g} {'✓' if held else '✗'}")
        table.add_row(*cells)
    if len(rows) > MOST:
        table.add_row(f"… {len(rows) - MOST} more", *[""] * (len(table.columns) - 1))
    return table


def _silent(found: Forecast) -> Table:
    table = Table(title="withheld", title_justify="left")
    for name in ("subject", "measure", "distance", "why"):
        table.add_column(name, overflow="fold")
    rows = sorted(found.silent, key=lambda r: r["why"])
    before = None
    for r in rows[:MOST]:
        why = "the same" if r["why"] == before else r["why"]
        table.add_row(
            _cell(r["subject"]), _cell(r["measure"]), _far(r["distance"]), _cell(why, 300)
        )
        before = r["why"]
    if len(rows) > MOST:
        table.add_row(f"… {len(rows) - MOST} more", "", "", "")
    return table


def _axes(found: Forecast) -> Table:
    table = Table(title="axes of what is given", title_justify="left")
    for name in ("axis", "variance", "reliability", "weights of standardised scores"):
        table.add_column(name, justify="left" if "weights" in name else "right")
    for axis in (found.given or {}).get("axes") or ():
        heavy = sorted(axis["weights"].items(), key=lambda item: -abs(item[1]))
        said = ", ".join(f"{one_line(name, 24)} {weight:+.2f}" for name, weight in heavy[:6])
        table.add_row(
            str(axis["axis"]), f"{axis['variance_explained']:.0%}", f"{axis['reliability']:.2f}",
            Text(said + (", …" if len(heavy) > 6 else "")),
        )  # fmt: skip
    return table


def _horizons(found: Forecast) -> Table:
    table = Table(title="the past, by horizon", title_justify="left")
    for name in ("measure", "horizon", "held", "families", "worth", "verdict"):
        table.add_column(name, justify="right" if name in ("held", "families", "worth") else "left")
    for h in found.backtest.by_horizon[:MOST]:
        g = h.gate
        table.add_row(
            _cell(h.measure or "all"), h.name, f"{g.covered:.0f} of {g.n}", str(g.families),
            f"{g.effective:.1f}", _MARK[g.verdict] + (" (with those farther out)" if h.borrowed
                                                       else ""),
        )  # fmt: skip
    return table


def _models(found: Forecast) -> Table:
    table = Table(title="models, by weight", title_justify="left")
    for name in ("model", "weight", "log score", "CRPS", "coverage", "beats the plain ones",
                 "stack against it"):  # fmt: skip
        table.add_column(name, justify="left" if name == "model" else "right")
    gated = any(m.gates for m in found.models)
    if gated:
        table.add_column("fits past their gates", justify="right")
    for m in found.models:
        passed = f"{sum(g['passed'] for g in m.gates)} of {len(m.gates)}" if m.gates else ""
        beats = "plain" if m.baseline else "yes" if m.beats else "not shown"
        table.add_row(
            _cell(m.name), f"{m.weight:.2f}", _number(m.log_score), _number(m.crps),
            "" if m.coverage is None else f"{m.coverage:.2f}",
            beats if m.failed is None else f"{beats}; at times unfit",
            _difference(m.stacked),
            *([passed] if gated else []),
        )  # fmt: skip
    return table


def _difference(found: Against | None) -> str:
    """Nats an outcome, with the interval."""
    if found is None or found.difference is None or found.low is None or found.high is None:
        return "too few"
    return f"{found.difference:+.2f} ({found.low:+.2f} to {found.high:+.2f})"


def _number(x: float | None) -> str:
    return "" if x is None else f"{x:.3g}"


def _power(x: float | None) -> str:
    if x is None:
        return ""
    return f"{10**x:.2g}" if abs(x) < 300 else f"10^{x:.3g}"


def _kin(row: dict[str, Any]) -> str:
    far = row["distance_family"]
    return "new" if far is None and row["scale"] is not None else _far(far)


def _far(x: float | None) -> str:
    return "?" if x is None else f"{x:.2g}"
