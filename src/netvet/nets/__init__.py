"""Networks, their weights, the device they run on, and surgery on them. Nothing here knows of data or training."""
