"""Measurements against plain baselines: `make bench`, or `make bench ARGS=NAME` for one."""
