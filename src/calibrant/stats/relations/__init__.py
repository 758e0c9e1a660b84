"""How do columns of numbers go together, when the rows are relatives?"""
