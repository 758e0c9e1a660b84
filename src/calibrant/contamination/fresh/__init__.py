"""Tests that cannot be memorised: public templates, a secret seed, twins, canaries, commitments."""
