"""Causes in the capacity: the network against its data and its restraints."""
