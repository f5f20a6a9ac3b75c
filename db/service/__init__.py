"""The HTTP service of a store."""
