"""Benchmarks against bare floors: `python -m benchmarks`. Ratios, because they survive a noisy machine."""
