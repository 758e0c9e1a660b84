"""What loss and error will a larger, longer trained model have? Figure 1 of Gadre et al. (2024).

A table of models with the columns `ds` (data set), `m` (name), `N` (parameters), `M` (tokens per
parameter), `cc` (M / 20), `loss` and `err` (mean error over tasks), as their repository gives it
(github.com/mlfoundations/scaling, exp_data). Five small models give the law of loss, they and a
larger one the law of error; two models that no law has seen are forecast.

    python loss_to_error.py gadre_flat.csv
"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

from calibrant.scaling.curves.losses import error_law, loss_law

LEVEL = 0.9


def forecast(file: Path) -> list[dict[str, float | str]]:
    """Each later model's loss and error: as forecast with its interval, and as measured."""
    rows = pl.read_csv(file).filter(pl.col("ds") == "rpj").cast({"N": pl.Float64})
    once, small = pl.col("cc") == 1, pl.col("m").str.starts_with("d=")
    long = (pl.col("m") == "d=96_l=8_h=4") & (pl.col("cc") == 16)
    five = rows.filter((once & small) | long)
    six = pl.concat([five, rows.filter(once & (pl.col("m") == "open_lm_1b"))])
    law = loss_law(*(five[c].to_numpy() for c in ("loss", "N")), (five["N"] * five["M"]).to_numpy())
    errors = error_law(six["loss"].to_numpy(), six["err"].to_numpy())
    print(law, errors, sep="\n")
    found: list[dict[str, float | str]] = []
    for name, times in (("open_lm_1b", 32), ("open_lm_7b", 1)):
        row = rows.filter((pl.col("m") == name) & (pl.col("cc") == times))
        n, tokens = row["N"].to_numpy(), (row["N"] * row["M"]).to_numpy()
        loss = law.predict(n, tokens)
        # How unsure the loss is, is in the interval of the error: its standard error is `sd`.
        sd = law.sd(n, tokens)
        of = (("loss", loss, law.interval(n, tokens, LEVEL)),
              ("err", errors.predict(loss), errors.interval(loss, LEVEL, loss_sd=sd)))  # fmt: skip
        for column, said, (low, high) in of:
            true = float(row[column][0])
            found.append({"model": name, "tokens": float(tokens[0]), "what": column,
                          "forecast": float(said[0]), "low": float(low[0]), "high": float(high[0]),
                          "measured": true, "off": float(abs(said[0] / true - 1))})  # fmt: skip
    return found


if __name__ == "__main__":
    try:
        made = forecast(Path(sys.argv[1]))
    except (IndexError, OSError, pl.exceptions.PolarsError) as e:
        sys.exit(f"wanted the table of the 104 models of Gadre et al.: {str(e).splitlines()[0]}")
    for f in made:
        print(
            f"{f['model']} after {f['tokens']:.3g} tokens: {f['what']} {f['forecast']:.4f}, "
            f"{LEVEL:.0%} from {f['low']:.3f} to {f['high']:.3f}; measured {f['measured']:.4f}, "
            f"off by {f['off']:.4%}"
        )
