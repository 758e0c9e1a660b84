"""What may the group be shown of itself, and does it agree more than it did a round ago?"""
