"""What is asked, of whom, when? A survey is a YAML file."""

from calibrant.priorities.survey.answers import Answers
from calibrant.priorities.survey.model import (
    Comment,
    Demographic,
    Invitations,
    Live,
    Question,
    Survey,
    Window,
)  # fmt: skip
from calibrant.priorities.survey.read import (
    example_survey,
    read_survey,
    survey_schema,
    taxonomy_of,
)  # fmt: skip
from calibrant.priorities.survey.read_answers import Imported, read_answers
from calibrant.priorities.survey.write_answers import qualtrics_csv

__all__ = [
    "Answers", "Comment", "Demographic", "Imported", "Invitations", "Live", "Question", "Survey",
    "Window", "example_survey", "qualtrics_csv", "read_answers", "read_survey", "survey_schema",
    "taxonomy_of",
]  # fmt: skip
