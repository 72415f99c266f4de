"""The agent and its run: the loop, and the two protocols that it needs."""

from turnstream.agent.agent import Agent
from turnstream.agent.protocols import Model, ModelStream, Toolbox
from turnstream.agent.run import Run

__all__ = ["Agent", "Model", "ModelStream", "Run", "Toolbox"]
