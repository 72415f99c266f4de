"""Turnstream serves LLM agents as streams, in the protocol that the client already speaks.

The public names are imported when they are first used, so ``import turnstream`` itself loads next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from turnstream.agent import Agent as Agent
    from turnstream.agent import Model as Model
    from turnstream.agent import Run as Run
    from turnstream.agent import Toolbox as Toolbox
    from turnstream.events import AssistantMessage as AssistantMessage
    from turnstream.events import ClientToolCalls as ClientToolCalls
    from turnstream.events import ConfigurationError as ConfigurationError
    from turnstream.events import MaxStepsReached as MaxStepsReached
    from turnstream.events import Message as Message
    from turnstream.events import ModelOptions as ModelOptions
    from turnstream.events import ProtocolError as ProtocolError
    from turnstream.events import ProviderError as ProviderError
    from turnstream.events import ReasoningDelta as ReasoningDelta
    from turnstream.events import RequestError as RequestError
    from turnstream.events import RunCancelled as RunCancelled
    from turnstream.events import RunContext as RunContext
    from turnstream.events import RunEvent as RunEvent
    from turnstream.events import RunFailed as RunFailed
    from turnstream.events import RunFinished as RunFinished
    from turnstream.events import RunRequest as RunRequest
    from turnstream.events import RunStarted as RunStarted
    from turnstream.events import RunTimeout as RunTimeout
    from turnstream.events import StepStarted as StepStarted
    from turnstream.events import SystemMessage as SystemMessage
    from turnstream.events import TextDelta as TextDelta
    from turnstream.events import ToolCall as ToolCall
    from turnstream.events import ToolCallsDetected as ToolCallsDetected
    from turnstream.events import ToolError as ToolError
    from turnstream.events import ToolMessage as ToolMessage
    from turnstream.events import ToolOutput as ToolOutput
    from turnstream.events import ToolProgress as ToolProgress
    from turnstream.events import ToolResult as ToolResult
    from turnstream.events import ToolsExecuted as ToolsExecuted
    from turnstream.events import ToolSpec as ToolSpec
    from turnstream.events import TurnstreamError as TurnstreamError
    from turnstream.events import Usage as Usage
    from turnstream.events import UserMessage as UserMessage
    from turnstream.providers import model as model
    from turnstream.service import ServerSettings as ServerSettings
    from turnstream.service import Service as Service
    from turnstream.tools.python import tool as tool

__version__ = "0.1.0"

_NAMES = {
    "turnstream.agent": "Agent Model Run Toolbox",
    "turnstream.events": (
        "AssistantMessage ClientToolCalls ConfigurationError MaxStepsReached Message ModelOptions ProtocolError "
        "ProviderError ReasoningDelta RequestError RunCancelled RunContext RunEvent RunFailed RunFinished RunRequest "
        "RunStarted RunTimeout StepStarted SystemMessage TextDelta ToolCall ToolCallsDetected ToolError ToolMessage "
        "ToolOutput ToolProgress ToolResult ToolsExecuted ToolSpec TurnstreamError Usage UserMessage"
    ),
    "turnstream.providers": "model",
    "turnstream.service": "ServerSettings Service",
    "turnstream.tools.python": "tool",
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = ["__version__", *_HOME]  # noqa: PLE0604 - the keys are strings


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'turnstream' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
