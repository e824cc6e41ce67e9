"""The command line. `app` parses; what each command does is in a module of its own, imported when it runs."""

from netvet.cli.app import main

__all__ = ["main"]
