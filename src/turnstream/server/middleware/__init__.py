"""What every request passes before its endpoint, one idea a file; `turnstream.server.app` says in which order."""
