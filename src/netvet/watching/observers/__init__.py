"""Observers, one file a side of the loop."""
