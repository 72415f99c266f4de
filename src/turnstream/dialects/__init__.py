"""Run events to client bytes, request bodies to `RunRequest`: one file for each protocol that clients speak."""
