"""Comparisons: variants over seeds, how long things take, and runs that are recorded."""
