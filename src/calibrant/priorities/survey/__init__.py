"""What is asked, of whom, when? A survey is a YAML file."""

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

__all__ = [
    "Comment", "Demographic", "Invitations", "Live", "Question", "Survey", "Window",
    "example_survey", "read_survey", "survey_schema", "taxonomy_of",
]  # fmt: skip
