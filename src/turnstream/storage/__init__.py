"""What the stores of runs and of threads share: databases, their schemas, and how values are written into them."""
