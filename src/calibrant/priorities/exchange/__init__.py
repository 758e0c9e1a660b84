"""How do answers come from other tools, and go to them? Qualtrics, and tables like its exports."""

from calibrant.priorities.exchange.answers import Answers
from calibrant.priorities.exchange.read import Imported, read_answers
from calibrant.priorities.exchange.write import qualtrics_csv

__all__ = ["Answers", "Imported", "qualtrics_csv", "read_answers"]
