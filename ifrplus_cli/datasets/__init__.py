"""Benchmarks on disk: their layouts and triplets."""
