"""`calibrant certify`: measure calibrant's own methods."""

from __future__ import annotations

import os
from dataclasses import asdict

import click


@click.command("certify")
@click.argument("names", nargs=-1)
@click.option("--draws", type=click.IntRange(1), default=2000, show_default=True,
              help="Data sets per regime.")  # fmt: skip
@click.option("--workers", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--list", "only_list", is_flag=True, help="List the certificates.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def cli(
    names: tuple[str, ...], draws: int, workers: int, seed: int, only_list: bool, as_json: bool
) -> None:
    """Measure the error rates of calibrant's methods by simulation, over their declared regimes.

    NAMES restricts it to certificates whose names begin so. The numbers depend on the seed and
    the draws, not on the number of workers. Exit code 1 if a promise is broken.
    """
    from calibrant._text import dumps
    from calibrant.errors import InputError
    from calibrant.ratings.certificates import CERTIFICATES as OF_RATINGS
    from calibrant.stats.certificates import measure_certificate
    from calibrant.stats.certificates.registry import certificates

    every = (*certificates(), *OF_RATINGS)
    chosen = [c for c in every if not names or c.name.startswith(names)]
    if not chosen:
        raise InputError(f"certify: no certificate begins with {' or '.join(map(repr, names))}")
    if only_list:
        for c in chosen:
            click.echo(f"{c.name}: {c.statement}")
        return
    found = []
    for certificate in chosen:
        click.echo(f"{certificate.name}: {certificate.statement}", err=True)
        measured = measure_certificate(certificate, draws=draws, seed=seed, workers=workers)
        found += measured
        if not as_json:
            for m in measured:
                where = ", ".join(f"{k} {v}" for k, v in m.regime.items())
                values = ", ".join(f"{k} {v:.4g}" for k, v in m.statistics.items())
                broken = f"  BROKEN: {'; '.join(m.broken)}" if m.broken else ""
                click.echo(f"{m.certificate} | {where} | {values}{broken}")
    if as_json:
        click.echo(dumps([asdict(m) for m in found], indent=1))
    raise SystemExit(1 if any(m.broken for m in found) else 0)
