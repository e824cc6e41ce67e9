"""`python -m netvet` is the command line."""

from netvet.cli.app import main

main()
