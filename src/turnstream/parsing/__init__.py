"""Machines without I/O: pieces in, whole things out, however the pieces were cut."""
