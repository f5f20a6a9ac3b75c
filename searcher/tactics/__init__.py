"""Tactics: the flow of a search, from its history to the sub-networks it asks for next."""
