"""The one exception that a user is meant to see."""

from __future__ import annotations


class BadInput(Exception):
    """Input that netvet cannot use: its message is one sentence that says what, where and what to do.

    The command line prints the sentence and exits with 2; nothing that was written before is lost.
    """
