"""What crosses the wire, as data."""
