"""Causes that lie in a loop of one's own: in what it feeds, computes and calls."""
