"""What does a respondent see and do? The pages, from the door to thanks, and live results."""
