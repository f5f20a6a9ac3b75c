"""Figures and pages drawn from what a search found."""
