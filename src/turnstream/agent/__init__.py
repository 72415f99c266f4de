"""The agent and its run: the loop, and the two protocols that it needs."""

from turnstream.agent.agent import Agent
from turnstream.agent.budget import Budget
from turnstream.agent.run import Run
from turnstream.protocols import Model, ModelStream, Toolbox

__all__ = ["Agent", "Budget", "Model", "ModelStream", "Run", "Toolbox"]
