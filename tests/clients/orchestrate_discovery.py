"""Runs the discovery of A2A agents of IBM's own ADK, in an interpreter that has ibm-watsonx-orchestrate:
``python orchestrate_discovery.py BASE_URL``. Prints the external agent that it would register, as JSON."""

import json
import sys

from ibm_watsonx_orchestrate.agent_builder.agents.a2a_discovery import (  # type: ignore[import-not-found]  # not here
    A2ADiscoveryService,
)

with A2ADiscoveryService() as discovery:
    print(json.dumps(discovery.discover_and_convert(sys.argv[1])))
