"""Turnstream serves LLM agents as streams, in the protocol that the client already speaks.

The public names are imported when they are first used, so ``import turnstream`` itself loads next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from turnstream.agent import Agent as Agent
    from turnstream.agent import Budget as Budget
    from turnstream.agent import Run as Run
    from turnstream.errors import ConfigurationError as ConfigurationError
    from turnstream.errors import ProtocolError as ProtocolError
    from turnstream.errors import ProviderError as ProviderError
    from turnstream.errors import RequestError as RequestError
    from turnstream.errors import RunTimeout as RunTimeout
    from turnstream.errors import ToolError as ToolError
    from turnstream.errors import TurnstreamError as TurnstreamError
    from turnstream.events import ClientToolCalls as ClientToolCalls
    from turnstream.events import MaxStepsReached as MaxStepsReached
    from turnstream.events import ReasoningDelta as ReasoningDelta
    from turnstream.events import RunCancelled as RunCancelled
    from turnstream.events import RunEvent as RunEvent
    from turnstream.events import RunFailed as RunFailed
    from turnstream.events import RunFinished as RunFinished
    from turnstream.events import RunStarted as RunStarted
    from turnstream.events import StepFinished as StepFinished
    from turnstream.events import StepStarted as StepStarted
    from turnstream.events import TextDelta as TextDelta
    from turnstream.events import ToolCallsDetected as ToolCallsDetected
    from turnstream.events import ToolProgress as ToolProgress
    from turnstream.events import ToolResult as ToolResult
    from turnstream.events import ToolsExecuted as ToolsExecuted
    from turnstream.messages import AssistantMessage as AssistantMessage
    from turnstream.messages import Message as Message
    from turnstream.messages import SystemMessage as SystemMessage
    from turnstream.messages import ToolCall as ToolCall
    from turnstream.messages import ToolMessage as ToolMessage
    from turnstream.messages import UserMessage as UserMessage
    from turnstream.protocols import Model as Model
    from turnstream.protocols import Toolbox as Toolbox
    from turnstream.providers import model as model
    from turnstream.requests import ModelOptions as ModelOptions
    from turnstream.requests import Principal as Principal
    from turnstream.requests import RunContext as RunContext
    from turnstream.requests import RunRequest as RunRequest
    from turnstream.service import ServerSettings as ServerSettings
    from turnstream.service import Service as Service
    from turnstream.tools.python import tool as tool
    from turnstream.toolspec import ToolOutput as ToolOutput
    from turnstream.toolspec import ToolSpec as ToolSpec
    from turnstream.usage import Usage as Usage

__version__ = "0.1.0"

_NAMES = {
    "turnstream.agent": "Agent Budget Run",
    "turnstream.errors": (
        "ConfigurationError ProtocolError ProviderError RequestError RunTimeout ToolError TurnstreamError"
    ),
    "turnstream.events": (
        "ClientToolCalls MaxStepsReached ReasoningDelta RunCancelled RunEvent RunFailed RunFinished "
        "RunStarted StepFinished StepStarted TextDelta ToolCallsDetected ToolProgress ToolResult "
        "ToolsExecuted"
    ),
    "turnstream.messages": "AssistantMessage Message SystemMessage ToolCall ToolMessage UserMessage",
    "turnstream.protocols": "Model Toolbox",
    "turnstream.providers": "model",
    "turnstream.requests": "ModelOptions Principal RunContext RunRequest",
    "turnstream.service": "ServerSettings Service",
    "turnstream.tools.python": "tool",
    "turnstream.toolspec": "ToolOutput ToolSpec",
    "turnstream.usage": "Usage",
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
