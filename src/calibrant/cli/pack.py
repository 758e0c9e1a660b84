"""`calibrant pack RUN`: put a run's evidence into one file with checksums."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("pack")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The pack; default RUN.zip.")
@click.option(
    "--statement", type=click.Path(path_type=Path), help="Write an in-toto statement about it here."
)
def cli(run: Path, out: Path | None, statement: Path | None) -> None:
    """Put the evidence of RUN, a run folder, into one file that `calibrant verify` checks.

    The same run gives the same bytes. Prints the file and its SHA-256.
    """
    from calibrant._text import dumps
    from calibrant.assurance.assessment import read_assessment
    from calibrant.report import pack
    from calibrant.report.exports import write_files

    target = out or run.resolve().with_name(f"{run.resolve().name}.zip")
    digest = pack.write_pack(run, target)
    click.echo(f"{target} sha256:{digest}")
    if statement is not None:
        said = pack.statement(read_assessment(run), target.name, digest)
        data = dumps(said, indent=1).encode() + b"\n"
        write_files({statement.name: data}, statement.parent)
        click.echo(statement)
