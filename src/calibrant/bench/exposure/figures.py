"""What did a probe find, drawn? A test beside chance; without one, the items' values by group."""

from __future__ import annotations

from calibrant._figure import INK, Figure, Place, bar, base, dot, label, rule, shorten, ticks
from calibrant.bench.exposure.result import ExposureProbe
from calibrant.contamination.exposure.figures import null_figure

_WIDTH, _ROW = 480, 54


def probe_figure(found: ExposureProbe) -> Figure:
    """The null distribution of the test; where there is none, each item's value, by group."""
    return null_figure(found.test) if "null" in found.test.detail else _values(found)


def _values(found: ExposureProbe) -> Figure:
    """A row a group: a dot an item (more often, darker), the mean and its interval."""
    whole = found.table.drop_nulls("value")
    low = -1.0 if found.method == "order" else 0.0
    place = Place(low, 1.0, _WIDTH)
    groups = [g for g in found.means if g in whole["group"].to_list()]
    height = float(_ROW * max(len(groups), 1))
    title = f"{shorten(found.subject, 40)}: {found.test.verdict}"
    layers = [
        label(title, -84, "left", -46, "text", bold=True),
        label(f"{found.method}: each item's {found.score}, by group; no p-value", -84, "left",
              -26, "soft"),
        rule(place.x(0.0), height, INK["grid"], [1, 0]),
    ]  # fmt: skip
    for number, group in enumerate(groups):
        y = _ROW * (number + 0.5)
        values = whole.filter(group=group)["value"].value_counts(sort=True)
        most = max(values["count"].to_list())
        layers.append(label(group, -12, "right", y, "text"))
        for value, times in values.iter_rows():
            layers.append(dot(place.x(value), y - 9, INK["line"], 20 + 60 * times / most))
        if (mean := found.means[group]) is not None:
            layers += [
                bar(place, mean.low, mean.high, y + 9, INK["support"], 2.5),
                dot(place.x(mean.value), y + 9, INK["support"], 50),
                label(f"{mean.value:.2f}, {mean.low:.2f} to {mean.high:.2f}", _WIDTH + 12, "left",
                      y + 9, "text"),
            ]  # fmt: skip
    layers += [label(f"{t:g}", place.x(t), "center", height + 14, "soft") for t in ticks(low, 1, 5)]
    layers.append(label(f"{found.score} (dots, larger for more items; mean and 95% interval below)",
                        _WIDTH / 2, "center", height + 32, "soft"))  # fmt: skip
    frame = base(_WIDTH, height, {"left": 96, "right": 150, "top": 66, "bottom": 44})
    return Figure({**frame, "layer": layers}, title, repr(found))
