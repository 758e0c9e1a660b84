"""`calibrant verify PACK`: is this evidence whole, and do its verdicts follow from it?"""

from __future__ import annotations

from pathlib import Path

import click


@click.command("verify")
@click.argument("pack", type=click.Path(path_type=Path))
@click.option(
    "--run", type=click.Path(path_type=Path), help="A folder with the logs, to compare them too."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(pack: Path, run: Path | None, as_json: bool) -> None:
    """Check PACK offline and recompute every verdict from the trials inside.

    \b
    Exit codes: 0 verified; 1 it does not verify; 2 it is not a pack.
    """
    from calibrant._text import dumps
    from calibrant.report.verify import verify

    result = verify(pack, run=run)
    if as_json:
        click.echo(dumps(result.to_dict(), indent=1))
    else:
        for check in result.checks:
            click.echo(repr(check))
        click.echo(f"{result!r} (sha256:{result.sha256})")
    raise SystemExit(result.exit_code)
