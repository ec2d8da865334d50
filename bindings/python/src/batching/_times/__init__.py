"""How long an iteration takes: models of it as values."""
