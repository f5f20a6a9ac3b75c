"""The dashboard: static files, and the JSON they read; served by whatever serves the store."""
