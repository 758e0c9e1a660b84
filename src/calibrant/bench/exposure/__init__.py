"""What does a black box repeat? Probes of exposure by its answers alone, through Inspect."""
