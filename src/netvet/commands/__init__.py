"""What each command of the command line does. Returns the exit code; results go to stdout, progress to stderr."""

from netvet.commands.looking import explain, inspect, rules
from netvet.commands.reading import diagnose, exam, predict
from netvet.commands.running import checkup, demo, train, treat

__all__ = ["checkup", "demo", "diagnose", "exam", "explain", "inspect", "predict", "rules", "train", "treat"]
