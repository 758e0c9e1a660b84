"""What to fund, and what no evaluation covers yet?"""
