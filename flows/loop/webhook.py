"""Webhook: posts to the recipe's own address that something has to be done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from flows.loop.monitor_outcome import MonitorOutcome

PATIENCE = 5.0
"""Seconds that an address has to answer."""


def post_outcome(address: str, outcome: MonitorOutcome) -> str:
    """Posts the answer, its level, and the columns that changed. Returns as `post_message` does."""
    content = {
        "text": outcome.answer,
        "name": outcome.name,
        "version": outcome.version,
        "level": outcome.level,
        "columns": list(outcome.inputs.changed),
    }
    return post_message(address, content)


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
