"""Accuracy of sub-networks: predicted."""
