"""Which areas of the expert survey do calibrant's instruments and methods touch? Few, and in part.

An area of research is wider than what a test of it measures: no weight here is near 1. Instruments
that touch none are listed with none. `arithmetic` is a plain ability, and no area asks whether a
model gives way to pushback (`sycophancy`; 8d asks about the other direction).
"""

from __future__ import annotations

from dataclasses import dataclass

from calibrant.instruments import NAMES, load
from calibrant.instruments.core import Touch

TAXONOMY = "ai-safety-2025"
"""The taxonomy whose ids are declared."""


@dataclass(frozen=True)
class Declared:
    """What one instrument or method touches.

    Attributes:
        instrument: its name in suites, or the command of a method.
        areas: what it touches; may be nothing.
        certificates: the room of its certificates; None if its error rates are not certified
            apart from those of claims.
    """

    instrument: str
    areas: tuple[Touch, ...]
    certificates: str | None


METHODS: tuple[Declared, ...] = (
    Declared("contamination test", (
        Touch("7d", 0.15, "whether a subject has seen a test"),
    ), "exposure"),
    Declared("contamination scan", (
        Touch("7d", 0.15, "whether a test stands in a corpus"),
    ), "scan"),
    Declared("contamination generate", (
        Touch("7d", 0.15, "items made afresh, which nobody can have seen"),
    ), "fresh"),
    Declared("judge probe", (
        Touch("7d", 0.2, "biases of graders that are models"),
    ), "probes"),
    Declared("items", (
        Touch("7b", 0.1, "which items of a benchmark measure anything"),
    ), "items"),
    Declared("measure", (
        Touch("7b", 0.1, "what a score's uncertainty is made of"),
    ), "budget"),
    Declared("subjects train", (
        Touch("7c", 0.1, "small models with planted exposure"),
    ), "planted"),
)  # fmt: skip
"""Methods that are no instruments of a suite but measure what an area asks about."""


def shipped() -> tuple[Declared, ...]:
    """Every instrument and method that calibrant ships, with what it touches."""
    own = tuple(Declared(name, load(name).areas, None) for name in NAMES)
    return own + METHODS
