"""Is it the ability that jumps, or the metric?"""
