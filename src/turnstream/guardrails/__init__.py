"""What stands between the words of a run and whoever reads them: machines without I/O, and those that they ask."""
