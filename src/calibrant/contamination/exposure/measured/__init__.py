"""How are tests of exposure measured? Draws of clean subjects, in batches for certificates."""
