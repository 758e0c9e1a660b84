"""What does the organiser see and do? Inviting, watching response, taking answers away."""
