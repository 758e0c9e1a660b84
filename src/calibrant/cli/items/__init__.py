"""`calibrant items …`: is the benchmark any good?"""

from __future__ import annotations

import click

from calibrant.cli.lazy import LazyGroup

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


class FileFirst(LazyGroup):
    """Takes a file in place of a command to mean `fit`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # What is no command is the file of `fit`; a file named like a command is written ./check.
        known = any(a in self.helps for a in args[:1])
        if args and not known and args[0] not in ("-h", "--help"):
            args = ["fit", *args]
        return super().parse_args(ctx, args)


@click.group("items", cls=FileFirst, package="calibrant.cli.items", helps=COMMANDS)
def cli() -> None:
    """Put a benchmark on trial. `calibrant items FILE` fits its items."""
