"""Millrace measured against its peers and against the bare floor, in one run. See docs/benchmarks.md."""
