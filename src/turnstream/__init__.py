"""Turnstream serves LLM agents as streams, in the protocol that the client already speaks.

The public names are imported when they are first used, so ``import turnstream`` itself loads next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from turnstream.agent import Agent as Agent, Budget as Budget, Run as Run
    from turnstream.errors import (
        ConfigurationError as ConfigurationError,
        ProtocolError as ProtocolError,
        ProviderError as ProviderError,
        RequestError as RequestError,
        RunTimeout as RunTimeout,
        ToolError as ToolError,
        TurnstreamError as TurnstreamError,
    )
    from turnstream.events import (
        ClientToolCalls as ClientToolCalls,
        MaxStepsReached as MaxStepsReached,
        ReasoningDelta as ReasoningDelta,
        RunCancelled as RunCancelled,
        RunEvent as RunEvent,
        RunFailed as RunFailed,
        RunFinished as RunFinished,
        RunStarted as RunStarted,
        StepFinished as StepFinished,
        StepStarted as StepStarted,
        TextDelta as TextDelta,
        ToolCallsDetected as ToolCallsDetected,
        ToolProgress as ToolProgress,
        ToolResult as ToolResult,
        ToolsExecuted as ToolsExecuted,
    )
    from turnstream.messages import (
        AssistantMessage as AssistantMessage,
        Message as Message,
        SystemMessage as SystemMessage,
        ToolCall as ToolCall,
        ToolMessage as ToolMessage,
        UserMessage as UserMessage,
    )
    from turnstream.protocols import Model as Model, Toolbox as Toolbox
    from turnstream.providers import model as model
    from turnstream.requests import (
        ModelOptions as ModelOptions,
        Principal as Principal,
        RunContext as RunContext,
        RunRequest as RunRequest,
    )
    from turnstream.service import ServerSettings as ServerSettings, Service as Service
    from turnstream.tools.python import tool as tool
    from turnstream.toolspec import ToolOutput as ToolOutput, ToolSpec as ToolSpec
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
