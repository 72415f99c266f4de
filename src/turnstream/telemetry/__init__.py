"""What an operator sees: metrics, traces and log lines. Nothing in a run knows of it: it watches events."""
