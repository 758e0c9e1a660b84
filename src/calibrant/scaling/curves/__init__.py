"""What shape does a score take as models grow, and what will the next point be?"""
