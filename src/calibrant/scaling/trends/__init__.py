"""How fast do horizons grow with time, and how sure is that?"""
