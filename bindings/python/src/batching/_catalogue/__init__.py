"""Models and GPUs by name, and what follows from them for a model on a GPU."""
