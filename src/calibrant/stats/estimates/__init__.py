"""Which values are compatible with the data? Intervals for rates and means, also in clusters."""
