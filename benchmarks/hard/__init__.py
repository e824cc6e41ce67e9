"""Faults of one class on hard data, on which the sound classes are only fair: are they named?"""
