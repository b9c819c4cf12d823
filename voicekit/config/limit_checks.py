"""Limit checks: limits that could not be kept."""

from collections.abc import Callable, Iterator
from typing import Final

from voicekit.config.agent import Agent
from voicekit.config.messages import Places
from voicekit.config.services import Service
from voicekit.config.suggestions import listed
from voicekit.problems import Problem

# So many models are named to whoever needs one.
_NAMED: Final = 4


def cost_unknown(agent: Agent, places: Places) -> Iterator[Problem]:
    """What has no price cannot be counted."""
    if agent.limits.cost_usd is None:
        return
    for service in agent.services:
        if service.price is None:
            text = f"'cost_usd' needs a list price, and none is known of {_name(service)}"
            yield Problem("cost-unknown", text, service.place, _hint(service))


def _name(service: Service) -> str:
    return f"{service.provider.name}/{service.model}" if service.model else service.provider.name


def _hint(service: Service) -> str:
    prices = service.provider.prices
    models = [name for name in prices.models if "*" not in name] if prices else []
    other = f", or name {listed(models, _NAMED)}" if models else ""
    return f"limits: {{cost_usd: false}}{other}"


LIMIT_CHECKS: Final[tuple[Callable[[Agent, Places], Iterator[Problem]], ...]] = (cost_unknown,)
