"""Accuracy of sub-networks: predicted, validated, recorded; and its proxies."""
