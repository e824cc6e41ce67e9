"""What can be planted, one file a rule: see `netvet.fault`."""
