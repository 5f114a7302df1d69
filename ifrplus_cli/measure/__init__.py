"""Measurements: speed, quality on films and on benchmarks."""
