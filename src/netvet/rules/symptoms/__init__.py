"""Symptoms: what a failing run looks like."""
