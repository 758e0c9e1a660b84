"""Does a verdict hold for the next subject of a family?"""
