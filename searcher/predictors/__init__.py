"""Predictors: from features of sub-networks to one metric, with a spread."""
