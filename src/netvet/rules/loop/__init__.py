"""What a loop of somebody's own does that no network can learn from, or that makes its measurement untrue."""
