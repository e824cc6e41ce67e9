"""Causes in the signal: activations on the way forward, gradients on the way back."""
