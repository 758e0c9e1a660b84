"""How many capabilities do the benchmarks measure, and how do they grow with compute?"""
