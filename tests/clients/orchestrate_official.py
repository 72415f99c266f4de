"""Runs IBM's own validator, in an interpreter that has ibm-watsonx-orchestrate-evaluation-framework:
``python orchestrate_official.py URL KEY AUTH_SCHEME``. Prints what each of its two checks found, as JSON."""

import contextlib
import io
import json
import sys

from agentops.external_agent.external_validate import (  # type: ignore[import-not-found]  # not in this environment
    ExternalAgentValidation,
)

url, key, scheme = sys.argv[1:]
validation = ExternalAgentValidation(key, scheme, url)
with contextlib.redirect_stdout(io.StringIO()):
    found = [validation.call_validation("Go.", add_context) for add_context in (False, True)]
print(json.dumps([{"success": one["success"], "last": repr(one["logged_events"][-1:])} for one in found]))
