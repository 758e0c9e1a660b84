"""What do a subject's other scores say of a target? Forecasts from axes of capability."""
