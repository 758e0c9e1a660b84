"""`calibrant items …`: is the benchmark any good?"""

from __future__ import annotations

import click

from calibrant.cli.lazy import FileFirst

COMMANDS: dict[str, str] = {
    "fit": "item parameters, abilities and their errors: what `items FILE` runs",
    "check": "bad items: wrong way round, mis-keyed, duplicated, dependent, unfair, saturated",
    "reliability": "how far scores repeat: α, ω, split halves, variance components",
    "validity": "what scores mean: factors, agreement with other benchmarks, prediction",
    "dif": "items that treat groups of subjects of equal ability unequally",
    "score": "new subjects on calibrated items",
    "link": "releases of a benchmark on one scale; anchors that drift",
    "bank": "whether a bank may be used adaptively",
    "shorten": "a shorter fixed form, beside three plain baselines",
    "adapt": "an adaptive test, run through Inspect",
    "cut": "a threshold that is argued, with its errors",
    "datasheet": "one page that says what a benchmark measures, and for whom",
}
"""Each command with its one-line help; its module in this package has a command `cli`."""


@click.group(
    "items", cls=FileFirst, file_means="fit", package="calibrant.cli.items", helps=COMMANDS
)
def cli() -> None:
    """Put a benchmark on trial. `calibrant items FILE` fits its items."""
