"""How much of a score is exposure, and what is the score without it?

Designs, from the strongest: secret twins of the published items (`twins`), other benchmarks that
nobody can have seen and subjects that answered both (`benchmarks`), exposed against unexposed items
of one benchmark (`items`), and a bound from the exposed items alone (`bounds`).
"""
