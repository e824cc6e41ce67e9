"""Remedies, one file a treatment."""
