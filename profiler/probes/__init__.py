"""Small probes, one per subject: each reads this host and returns facts, never a verdict."""
