"""Who owns a run: its lifetime and its end are here, never in an HTTP response."""
