"""Benchmarks: this project beside others on the same files and the same PostgreSQL, in one run."""
