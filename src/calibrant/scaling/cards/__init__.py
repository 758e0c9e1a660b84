"""What was forecast, before anyone knew, and did it come true?"""
