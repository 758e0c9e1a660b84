"""Which models deserve weight, and does any beat the plain ones?"""
