"""What is known of a grader, on one card: its error, biases, limits, and until when it holds."""

from calibrant.judges.card.model import Bias, Card, Figure, Held, read_card

__all__ = ["Bias", "Card", "Figure", "Held", "read_card"]
