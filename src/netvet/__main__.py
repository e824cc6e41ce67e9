"""`python -m netvet` is the command line."""

from netvet.cli import main

main()
