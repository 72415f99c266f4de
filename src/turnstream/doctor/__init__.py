"""What breaks real clients of a chat completions stream: rules over recorded answers, and the probe that records them.

The rules come from running eleven clients against each fault; docs/doctor.md lists them.
"""
