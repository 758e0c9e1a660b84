"""`calibrant forecast …`: what will the next subject do, and would that have held on the past?"""

from __future__ import annotations

import click

from calibrant.cli.lazy import FileFirst

COMMANDS: dict[str, str] = {
    "run": "a target at a larger scale, back-tested: what `forecast FILE` runs",
    "axes": "how many capabilities benchmarks measure, and how they grow with compute",
    "curve": "one measure against scale: shape, monotone or not, next point",
    "metrics": "the metric ladder: does the ability jump, or the metric",
    "rare": "from n trials to deployment: rare events, best of n, pass@k",
    "trend": "horizons against dates: doubling times",
    "transfer": "the probability that a claim holds for the next subject of a family",
    "capability": "is this safety score only capability",
    "register": "seal a forecast by hash before its outcome is known",
    "score": "settle a registered forecast with its outcome",
    "card": "the transfer card: forecast, assumptions, back-test, distance on one page",
    "ladder": "train a ladder of tiny models and forecast the next rung",
}
"""Each command with its one-line help; its module in this package has a command `cli`."""


@click.group(
    "forecast", cls=FileFirst, file_means="run", package="calibrant.cli.forecast", helps=COMMANDS
)
def cli() -> None:
    """Forecast later and larger subjects, tried on the past first. `calibrant forecast FILE`."""
