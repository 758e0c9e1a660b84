"""Will it hold for the next model? Made-up families whose law is known, forecast and settled.

Two measures follow one ability that grows with compute; a third stands still and then jumps late in
the past. How many abilities are there; what will the next member of each family score; which of
that may be said at all; and, once the next members are there, was it true? Then two smaller
questions: how fast horizons double, and whether a verdict holds for the next member.
`python whole_story.py` leaves its files in a folder of its own under runs/. No model and no network
is needed.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from calibrant.report.transfer_card import TransferCard, write_card
from calibrant.scaling import (
    FORECASTERS,
    Forecast,
    capability_axes,
    read_registered,
    register,
    settle,
    trend,
    will_hold,
)
from calibrant.scaling.cards.settle import read_settled
from calibrant.scaling.forecast import forecast

MEASURES = ("knowledge", "reasoning", "tools")
ZOO = ("persistence", "pooled sigmoid", "family sigmoid", "family log-odds lines")
DOUBLING = 6.0  # months


@dataclass(frozen=True)
class World:
    """The law: what a subject of a family scores at a scale, and when it comes out."""

    ability: np.ndarray
    rng: np.random.Generator

    @classmethod
    def draw(cls, families: int, seed: int) -> "World":
        rng = np.random.default_rng(seed)
        return cls(0.5 * rng.normal(size=families), rng)

    def members(self, start: np.ndarray, steps: int) -> pl.DataFrame:
        """The next `steps` members of each family, each 0.5 orders of magnitude larger."""
        family = np.repeat(np.arange(self.ability.size), steps)
        log_flops = start[family] + 0.5 * np.tile(np.arange(steps), self.ability.size)
        able = 0.9 * (log_flops - 22) + self.ability[family]
        late = np.maximum(log_flops - 22.3, 0)  # nothing below 2e22 FLOPs foretells it
        odds = {"knowledge": able, "reasoning": 0.8 * able - 0.8, "tools": 6 * late - 2.5}
        noise = 0.15 * self.rng.normal(size=(len(MEASURES), family.size))
        return pl.DataFrame(
            {
                "subject": [f"f{f:02d} {x:.2f}" for f, x in zip(family, log_flops, strict=True)],
                "family": [f"f{f:02d}" for f in family],
                "FLOPs": 10**log_flops,
                **{m: 1 / (1 + np.exp(-odds[m] - e)) for m, e in zip(MEASURES, noise, strict=True)},
            }
        )


def story(folder: Path) -> None:
    """Tell it, with its files in a folder."""
    world = World.draw(families=20, seed=4)
    start = world.rng.uniform(20, 21, world.ability.size)
    past = world.members(start, steps=5)
    coming = world.members(start + 2.5, steps=1)
    past.write_csv(folder / "past.csv")

    grown = capability_axes(
        past, columns=MEASURES[:2], scale="FLOPs", family="family", subject="subject", draws=50
    )
    print(f"axes: {grown}")

    # The rows to forecast are those without a score.
    empty = coming.with_columns(pl.lit(None, dtype=pl.Float64).alias(m) for m in MEASURES)
    told = forecast(
        pl.concat([past, empty]), target=MEASURES, scale="FLOPs", family="family",
        subject="subject", zoo=[f for f in FORECASTERS if f.name in ZOO],
    )  # fmt: skip
    print(f"forecast: {told}")
    for measure, why in silences(told).items():
        print(f"withheld, {measure}: {why}")

    log, sealed, out = (folder / n for n in ("log.jsonl", "sealed.json", "settled.json"))
    register(told.to_dict(), data=[folder / "past.csv"], log=log, out=sealed)
    read = read_registered(sealed)  # refuses a file in which one byte was altered
    print(f"sealed: {read.publish}")

    # The outcomes arrive, among them those of which nothing was said.
    settled = settle(read, coming, log=log, out=out)
    print(f"settled: {settled}")
    naive = past.group_by("family").agg(pl.col("tools").last()).join(
        coming.select("family", now="tools"), on="family"
    )  # fmt: skip
    moved = (naive["now"] - naive["tools"]).abs().mean()
    print(f"tools, of which nothing was said, moved by {moved:.2f} on average")
    document = read.document
    assert document is not None
    write_card(TransferCard(document, read, read_settled(out)), folder / "card.html")

    horizons(world.rng)
    verdict(world.rng)


def silences(told: Forecast) -> dict[str, str]:
    """Why each measure is withheld, of those that are."""
    return {row["measure"]: row["why"] for row in told.silent}


def horizons(rng: np.random.Generator) -> None:
    """Task lengths that double every six months, in three laboratories, and what comes next."""
    months = np.arange(30) * 1.2
    noise = 0.3 * rng.normal(size=months.size) + 0.2 * np.repeat(rng.normal(size=3), 10)
    table = pl.DataFrame(
        {
            "date": [str(np.datetime64("2022-06-01") + int(30.44 * m)) for m in months],
            "minutes": 3 * 2 ** (months / DOUBLING + noise),
            "lab": np.tile(["a", "b", "c"], 10),
        }
    )
    print(f"trend: {trend(table, value='minutes', family='lab', at='2026-01-01')}")


def verdict(rng: np.random.Generator) -> None:
    """A claim assessed on eight members of a family; how often it holds for a next one is known."""
    centre, spread, threshold = -3.2, 0.4, 0.08
    rates = 1 / (1 + np.exp(-(centre + spread * rng.normal(size=8))))
    found = will_hold(rng.binomial(300, rates), np.full(8, 300), threshold=threshold)
    print(f"transfer: {found}")
    low, high = found.share_low, found.share_high
    print(f"it holds for a share of such members between {low:.0%} and {high:.0%}")
    later = 1 / (1 + np.exp(-(centre + spread * rng.normal(size=20_000))))
    print(f"looked up: for {np.mean(later < threshold):.0%} of 20,000 next members")


if __name__ == "__main__":
    own = Path("runs") / f"forecast-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    own.mkdir(parents=True)
    story(own)
    print(f"files, with the card: {own}")
