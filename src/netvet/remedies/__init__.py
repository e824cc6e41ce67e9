"""Remedies, one file each: the module's docstring is its page, under What it does, When it helps, What it costs,
References.
"""
