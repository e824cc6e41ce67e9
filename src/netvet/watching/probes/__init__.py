"""Probes, one file a measurement."""
