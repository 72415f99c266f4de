"""What the suites share: a mock upstream, a load generator, the servers under test, and their measures."""
