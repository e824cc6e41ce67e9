"""Causes in the optimisation: how far each step goes."""
