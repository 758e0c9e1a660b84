"""`calibrant priorities import`: answers of other tools as ratings."""

import click


@click.command("import")
def cli() -> None:
    """x"""
