"""The engine that runs as time goes by in its host."""
