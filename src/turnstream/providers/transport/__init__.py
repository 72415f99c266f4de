"""Sockets, status codes, retries, time-outs and authorization: the rooms of `turnstream.providers` with I/O."""
