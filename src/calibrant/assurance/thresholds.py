"""Where does a claim's threshold come from? Cuts that a suite names in place of a number."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.cuts.cut import Cut, read_cut_file

RELATIONS = ("below", "above")


class CutUsed(BaseModel):
    """The cut that a claim's threshold was taken from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(description="The path in the suite.")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Of that file.")
    side: Literal["value", "lower", "upper"] = Field(
        description="What of the cut is the threshold: its value, or a limit of its interval."
    )
    value: float = Field(ge=0, le=1)
    direction: Literal["above", "below"]
    standard_error: float | None = Field(ge=0)
    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)
    level: float = Field(gt=0, lt=1)
    origin: str = Field(description="Method, panel and items, in words.")

    @property
    def threshold(self) -> float:
        """The number that the claim is about, 0–1."""
        return {"value": self.value, "lower": self.low, "upper": self.high}[self.side]


def with_cuts(
    data: Mapping[Any, Any], where: str, base: Path, known: Mapping[str, CutUsed] | None = None
) -> dict[Any, Any]:
    """The data of a suite with the cuts that its claims name read in.

    Args:
        base: what paths are relative to.
        known: cuts by the name of their claim, where their files are not here.

    Raises:
        InputError: in one line, naming `where`, the claim and the key.
    """
    claims = data.get("claims")
    if not isinstance(claims, list):
        return dict(data)
    found = []
    for number, claim in enumerate(claims, 1):
        if not isinstance(claim, dict):
            found.append(claim)
            continue
        name = claim.get("name")
        said = f"claim {one_line(str(name), 80)!r}" if name else f"claim {number}"
        if "cut" in claim:
            raise InputError(f"{where}: {said}: unknown key 'cut'; wanted below: or above: with it")
        found.append(_resolved(claim, f"{where}: {said}", base, (known or {}).get(str(name))))
    return {**data, "claims": found}


def _resolved(
    claim: dict[Any, Any], where: str, base: Path, known: CutUsed | None
) -> dict[Any, Any]:
    for relation in RELATIONS:
        named = _named(claim.get(relation), f"{where}: {relation}")
        if named is None:
            continue
        file, side = named
        used = known
        if used is None or (used.file, used.side) != (file, side):
            try:
                cut, sha256 = read_cut_file(base / file)
            except InputError as e:
                raise InputError(f"{where}: {relation}: {e}") from e
            used = _used(cut, sha256, file, side)
        _check(used, relation, f"{where}: {relation}: {file}")
        return {**claim, relation: used.threshold, "cut": used}
    return claim


def _named(given: Any, where: str) -> tuple[str, Literal["value", "lower", "upper"]] | None:
    """The file and side that a threshold names; None for a plain one."""
    if isinstance(given, str) and given.strip().lower().endswith(".json"):
        return given.strip(), "value"
    if not isinstance(given, dict):
        return None
    stray = next((k for k in given if k not in ("cut", "side")), None)
    if stray is not None:
        raise InputError(f"{where}: unknown key {one_line(repr(stray), 80)}; wanted cut and side")
    file, side = given.get("cut"), given.get("side", "value")
    if not isinstance(file, str) or not file.strip():
        raise InputError(f"{where}: cut: wanted a path, got {one_line(repr(file), 80)}")
    if side not in ("value", "lower", "upper"):
        raise InputError(
            f"{where}: side: wanted value, lower or upper, got {one_line(repr(side), 80)}"
        )
    return file.strip(), side


def _used(cut: Cut, sha256: str, file: str, side: Literal["value", "lower", "upper"]) -> CutUsed:
    return CutUsed(
        file=file, sha256=sha256, side=side, value=cut.value, direction=cut.direction,
        standard_error=cut.standard_error, low=cut.low, high=cut.high, level=cut.level,
        origin=cut.origin,
    )  # fmt: skip


def _check(used: CutUsed, relation: str, where: str) -> None:
    if used.direction != relation:
        raise InputError(
            f"{where}: this cut says that {used.direction} it is acceptable, "
            f"the claim says {relation}"
        )
    easier = "upper" if relation == "below" else "lower"
    if used.side == easier:
        harder = "lower" if relation == "below" else "upper"
        raise InputError(
            f"{where}: side: wanted value or {harder}, got {easier!r}, which would make the claim "
            "easier to meet than the cut"
        )
