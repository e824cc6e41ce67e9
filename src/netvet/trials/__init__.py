"""How a trial is run: what fits into the budget, the race of the arms, the statistics, the verdicts and their words."""
