"""Is this safety score only capability?"""
