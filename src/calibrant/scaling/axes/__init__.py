"""How many capabilities do benchmarks measure, and how do they grow with compute?"""
