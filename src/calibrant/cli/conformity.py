"""Options of `calibrant measure` about requirements and graders, and what is printed of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def _pair(text: str, sign: str, cast: type) -> tuple[Any, Any]:
    first, _, second = text.partition(sign)
    return cast(first), cast(second)


def _counts(_: click.Context, __: click.Parameter, given: str | None) -> tuple[int, int] | None:
    """RIGHT/LABELS as two numbers."""
    if given is None:
        return None
    try:
        found = _pair(given, "/", int)
    except ValueError:
        raise click.BadParameter(f"wanted RIGHT/LABELS such as 45/50, got {given!r}") from None
    return found


def _prior(_: click.Context, __: click.Parameter, given: str | None) -> tuple[float, float] | None:
    """A,B as two numbers."""
    if given is None:
        return None
    try:
        return _pair(given, ",", float)
    except ValueError:
        raise click.BadParameter(f"wanted A,B such as 0.5,0.5, got {given!r}") from None


_OPTIONS = (
    click.option("--limit-upper", type=float, help="The highest permitted value."),
    click.option("--limit-lower", type=float, help="The lowest permitted value."),
    click.option("--rule", type=click.Choice(["guarded", "simple"]), default="guarded",
                 help="Decide with a guard band, or by the value alone."),
    click.option("--risk", type=float, default=0.05, show_default=True,
                 help="Risk at a limit that the guard band allows."),
    click.option("--prior", callback=_prior, metavar="A,B",
                 help="Beta prior of rates; 0.5,0.5 (Jeffreys) by default."),
    click.option("--gold-positive", callback=_counts, metavar="RIGHT/LABELS",
                 help="Truly positive answers that the grader got right."),
    click.option("--gold-negative", callback=_counts, metavar="RIGHT/LABELS",
                 help="Truly negative answers that the grader got right."),
)  # fmt: skip


def decisions(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def taken(options: dict[str, Any]) -> dict[str, Any]:
    """The options as arguments of `measure`, the two gold counts as one."""
    positive, negative = options.pop("gold_positive"), options.pop("gold_negative")
    if (positive is None) != (negative is None):
        raise click.UsageError("wanted both --gold-positive and --gold-negative, got one")
    return {**options, "grader": None if positive is None else (positive, negative)}


def decision_line(c: dict[str, Any]) -> str:
    """The decision in one sentence."""
    low, high = c["limits"]
    if low is None:
        limits = f"at most {high:g}"
    else:
        limits = f"at least {low:g}" if high is None else f"{low:g} to {high:g}"
    text = f"{c['decision']}: {limits} ({c['rule']} rule"
    if c["reason"] is not None:
        return f"{text}): {c['reason']}"
    if c["rule"] == "guarded":
        text += f", one-sided limits {c['bounds'][0]:.4g} and {c['bounds'][1]:.4g}"
    prior = c["prior"]
    named = "flat" if prior["distribution"] == "flat" else f"beta({prior['a']:g}, {prior['b']:g})"
    return (
        f"{text}); risk of accepting {c['consumer_risk']:.3g}, of rejecting "
        f"{c['producer_risk']:.3g}, prior {named}"
    )
