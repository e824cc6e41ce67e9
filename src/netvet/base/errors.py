"""The one exception that a user is meant to see."""

from __future__ import annotations


class BadInput(Exception):  # noqa: N818 - what happened, in the user's words
    """Input that netvet cannot use: its message is one sentence that says what, where and what to do.

    The command line prints the sentence and exits with 2; nothing that was written before is lost.
    """
