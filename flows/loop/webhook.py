"""Webhook: tells people that something has to be done, by the recipe's own address and by Prefect's notifications."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from flows.loop.monitor_outcome import MonitorOutcome
from tasks.monitoring.monitor_spec import MonitorSpec

PATIENCE = 5.0
"""Seconds that an address has to answer."""


def post_outcome(spec: MonitorSpec, outcome: MonitorOutcome) -> str:
    """Tells the answer, its level, and the columns that changed. Returns as `tell_people` does."""
    content = {
        "text": outcome.answer,
        "name": outcome.name,
        "version": outcome.version,
        "level": outcome.level,
        "columns": list(outcome.inputs.changed),
    }
    return tell_people(spec, content)


def tell_people(spec: MonitorSpec, content: Mapping[str, Any]) -> str:
    """Tells all whom the recipe names.

    Args:
        spec: `notify` and `notify_block`.
        content: `text` is what people read, `name` the product.

    Returns:
        What went wrong, in a sentence or two; empty where all were told, or nobody is named.
    """
    said = [post_message(spec.notify, content)] if spec.notify else []
    said += [notify_block(spec.notify_block, content)] if spec.notify_block else []
    return "; ".join(filter(None, said))


def notify_block(block: str, content: Mapping[str, Any]) -> str:
    """Sends a message by a notification block that is kept in Prefect. Returns as `post_message` does.

    The reason is the error's kind alone: its text may hold the block's secrets.
    """
    from prefect.blocks.core import Block

    try:
        found: Any = Block.load(block)
        found.notify(body=content["text"], subject=f"Paredown: {content['name']}")
        return ""
    except ValueError:
        return f"monitor.notify_block: Prefect has no block {block}"
    except Exception as error:  # each kind of block has its own
        return f"monitor.notify_block: {block} could not be told ({type(error).__name__})"


def post_message(address: str, content: Mapping[str, Any]) -> str:
    """Posts a message as JSON.

    Args:
        address: the recipe's `monitor.notify`.
        content: `text` is what chats show.

    Returns:
        What went wrong, in a sentence with the address's host alone; empty where it was taken.
    """
    host = urlsplit(address).hostname or "?"
    try:
        body = json.dumps(dict(content)).encode()
        with urlopen(Request(address, body, {"Content-Type": "application/json"}), timeout=PATIENCE):
            return ""
    except HTTPError as error:
        return f"monitor.notify: {host} refused the message ({error.code} {error.reason})"
    except (OSError, HTTPException, ValueError) as error:
        return f"monitor.notify: {host} could not be told ({getattr(error, 'reason', None) or error})"
