"""What does the group say so far, without giving anyone away?"""
