"""Reads a file as ``orchestrate agents import`` does, in an interpreter that has ibm-watsonx-orchestrate:
``python orchestrate_spec.py FILE``. Prints the agent as JSON."""

import sys

from ibm_watsonx_orchestrate.agent_builder.agents.external_agent import (  # type: ignore[import-not-found]
    ExternalAgent,
)

print(ExternalAgent.from_spec(sys.argv[1]).model_dump_json())
