"""Measurements: speed, and quality on films and on benchmarks."""
