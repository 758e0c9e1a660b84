"""The expert survey in a browser: respondents, live results, organisers."""
