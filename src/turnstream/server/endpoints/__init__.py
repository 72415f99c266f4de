"""What is behind the paths: the dialects, and what has a path of its own."""
