"""What is kept of a survey: two databases, and what is read from and written to them."""
