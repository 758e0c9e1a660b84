"""How are measured certificates shown? As one Markdown page per room, one table per certificate."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import floor, log10

from calibrant.stats.certificates import Bound, Certificate, Measured

NOTE = "Written by `calibrant certify --tables`; [how to read and remake it](../certify.md)."


def page(
    room: str,
    question: str,
    certificates: Sequence[Certificate],
    measured: Mapping[str, str],
    before: str = "",
) -> str:
    """The page of a room: new sections, and from the page `before` those that were not measured.

    Args:
        measured: certificate name → its section.
    """
    kept = re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", before, re.M | re.S)
    old = {name: f"## {name}\n{rest}" for name, rest in kept}
    sections = [measured.get(c.name) or old.get(c.name) for c in certificates]
    parts = [f"# Certificates: {room}", question, NOTE, *(s.strip() for s in sections if s)]
    return "\n\n".join(parts) + "\n"


def section(
    certificate: Certificate, measured: Sequence[Measured], *, seed: int, version: str
) -> str:
    """One certificate: its promise, whether it held, and a table with one column per regime."""
    broken = [f"regime {i}: {b}" for i, m in enumerate(measured, start=1) for b in m.broken]
    verdict = f"**Broken**: {'; '.join(broken)}." if broken else "**Held**."
    head = (
        f"{certificate.statement}\n\nMethod: `{certificate.method}`. {verdict} "
        f"{measured[0].draws:,} draws per regime, seed {seed}, calibrant {version}."
    )
    beyond = sum(not m.declared for m in measured)
    if beyond:
        which = "regime (in brackets) lies" if beyond == 1 else f"{beyond} (in brackets) lie"
        head += f" The last {which} outside the promise."
    names = [str(i) if m.declared else f"({i})" for i, m in enumerate(measured, start=1)]
    rows = [["", "promise", *names], ["---"] * 2 + ["---:"] * len(names)]
    keys = list(dict.fromkeys(key for m in measured for key in m.regime))
    rows += [[f"*{k}*", "", *(plain(m.regime.get(k)) for m in measured)] for k in keys]
    rows += [_row(certificate, name, measured) for name in _ordered(certificate, measured)]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    who = "\n".join(f"- {name}: {use}" for name, use in certificate.peers.items())
    return f"## {certificate.name}\n\n{head}\n\n{table}\n\nPeers on the same draws:\n\n{who}\n"


def _ordered(certificate: Certificate, measured: Sequence[Measured]) -> list[str]:
    """What is promised first, then what else is ours, then the peers."""
    names = list(dict.fromkeys(name for m in measured for name in m.statistics))
    return sorted(
        names, key=lambda n: (n not in certificate.bounds, certificate.peer_of(n) is not None)
    )


def _row(certificate: Certificate, name: str, measured: Sequence[Measured]) -> list[str]:
    bound, peer = certificate.bounds.get(name), certificate.peer_of(name)
    cells = []
    for m in measured:
        cell = number(m.statistics[name], m.errors[name]) if name in m.statistics else ""
        failed = any(b.startswith(f"{name} is ") for b in m.broken)
        cells.append(f"**{cell} ✗**" if failed else cell)
    label = f"peer: {name}" if peer else f"**{name}**" if bound else name
    return [label, "" if bound is None else promise(bound), *cells]


def promise(bound: Bound) -> str:
    """A bound in words and signs."""
    low, high = bound.low > 0, bound.high < 1
    if low and high and bound.low == bound.high:
        words = f"= {bound.low:g}"
    elif low and high:
        words = f"{bound.low:g} to {bound.high:g}"
    else:
        words = f"≥ {bound.low:g}" if low else f"≤ {bound.high:g}"
    return words + (f", within {bound.slack:g}" if bound.slack else "")


def number(value: float, error: float | None) -> str:
    """A value with its standard error in its last digit, as in 0.951(2)."""
    if not error or value == 0:
        return f"{value:.4g}"
    digits = max(0, -floor(log10(error)))
    shown = round(error * 10**digits)
    if shown == 10 and digits > 0:
        digits, shown = digits - 1, 1
    return f"{value:.{digits}f}({shown})"


def plain(value: object) -> str:
    """One value of a regime."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        same = len(value) > 4 and len(set(value)) == 1
        return f"{len(value)} × {value[0]}" if same else ", ".join(str(v) for v in value)
    return str(value)
