"""Galleries of findings: one file for a rule."""
