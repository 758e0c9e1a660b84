"""What should be tested at all: 53 experts whose true opinions are known, and what can be learnt.

They choose their own fields, some are strict, some do not know, and some rate their own work. The
paper's analysis and the honest one rank the areas; each is asked six areas more where they
help; a budget is spent; and at the end the truth is looked up.
Run it in an empty folder: `python whole_story.py`. No model and no network is needed.
"""

from pathlib import Path

import numpy as np
import polars as pl

from calibrant.priorities import (
    Person,
    Terms,
    ask,
    audit_table,
    load_taxonomy,
    plan_portfolio,
    published_tables,
    rank,
)
from calibrant.priorities.model.fit import area_posterior
from calibrant.priorities.ranks.simulate import Experts, Panel
from calibrant.records.ratings import Ratings
from calibrant.report.priorities import priority_page, write_priorities


def lost(panel: Panel, funded: list[str]) -> str:
    """What funding these areas loses against the true best as many."""
    truth = dict(zip(panel.ids, panel.promise, strict=True))
    best = sorted(truth, key=truth.__getitem__, reverse=True)[: len(funded)]
    short = np.mean([truth[a] for a in best]) - np.mean([truth[a] for a in funded])
    return f"{len(set(best) & set(funded))} of the true best {len(best)}, {short:.2f} lost per area"


def story(folder: Path, page: bool = True) -> None:
    """Tell it, with its files in a folder."""
    taxonomy = load_taxonomy("ai-safety-2025")
    sizes = [sum(taxonomy.category_of(a.id).id == c.id for a in taxonomy.areas)
             for c in taxonomy.categories]  # fmt: skip
    panel = Experts(sizes=tuple(sizes)).draw(7)
    ratings, own = panel.ratings(), panel.own_areas()
    ratings.frame.write_csv(folder / "ratings.csv")
    print(ratings)

    tables = published_tables(ratings, taxonomy=taxonomy)
    rows = [{"id": r.area, "sub_area": r.name, "importance": f"{float(r.means['importance']):.2f}",
             "tractability": f"{float(r.means['tractability']):.2f}",
             "promise": f"{float(r.promise):.2f}", "n": r.n} for r in tables.ranking]  # fmt: skip
    pl.DataFrame(rows).write_csv(folder / "table.csv")
    print(audit_table(folder / "table.csv", taxonomy=taxonomy))
    print("by means:", lost(panel, [r.area for r in tables.ranking[:10]]))

    found = rank(ratings, taxonomy=taxonomy, own=own, sensitivity=False)
    print(found)
    print("by the model:", lost(panel, [a.id for a in found.areas if a.funded]))
    truth = dict(zip(panel.ids, _places(panel, [a.id for a in found.areas]), strict=True))
    inside = [a.rank_interval[0] <= truth[a.id] <= a.rank_interval[1] for a in found.areas]
    print(f"{np.mean(inside):.0%} of the {found.level:.0%} rank intervals hold the true rank")

    # Everyone knows something of the fields beside their own.
    wider = panel.fields | np.roll(panel.fields, 1, axis=1) | np.roll(panel.fields, -1, axis=1)
    people = [
        Person(name, tuple(str(1 + c) for c in np.flatnonzero(row)))
        for name, row in zip(panel.respondents, wider, strict=True)
    ]
    plan = ask(ratings, people, taxonomy=taxonomy, per=6)
    print(plan)
    asked = panel.may.copy()
    for one in plan.asks:
        asked[panel.respondents.index(one.respondent), panel.ids.index(one.area)] = True
    more: Ratings = panel.ratings(asked)
    again = rank(more, taxonomy=taxonomy, own=own, sensitivity=False)
    print(again)
    print("after asking more:", lost(panel, [a.id for a in again.areas if a.funded]))

    believed = area_posterior(more, taxonomy=taxonomy, own=own)
    print(plan_portfolio(believed, Terms(budget=100e6, grant=10e6, long_term=0.2)))
    if page:
        joined = priority_page(folder / "ratings.csv", own=own, budget=100e6, long_term=0.2)
        print(write_priorities(joined, folder / "report.html"))


def _places(panel: Panel, among: list[str]) -> list[int]:
    """True rank of each area among those that were ranked; 0 of the others."""
    truth = dict(zip(panel.ids, panel.promise, strict=True))
    order = sorted(among, key=truth.__getitem__, reverse=True)
    return [order.index(a) + 1 if a in among else 0 for a in panel.ids]


if __name__ == "__main__":
    story(Path())
