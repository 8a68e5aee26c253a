"""Webhook: an address and a notification block are told, and what cannot be told is a sentence without secrets."""

from __future__ import annotations

import pytest
from support.post_box import post_box

from flows.loop.webhook import post_message, tell_people
from tasks.monitoring.monitor_spec import MonitorSpec

CONTENT = {"text": "club: version 1 is champion again", "name": "club", "level": "rollback"}


def test_an_address_gets_json() -> None:
    with post_box() as box:
        assert post_message(box.address, CONTENT) == ""
        assert tell_people(MonitorSpec(notify=box.address), CONTENT) == ""
    assert box.posts == [CONTENT, CONTENT]
    assert tell_people(MonitorSpec(), CONTENT) == ""


def test_an_address_that_refuses() -> None:
    with post_box(status=403) as box:
        assert post_message(box.address, CONTENT) == "monitor.notify: 127.0.0.1 refused the message (403 Forbidden)"


@pytest.mark.e2e
def test_a_block_in_prefect_is_told_beside_the_address(prefect_server: None) -> None:
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    with post_box() as box:
        told = {"title": "{{subject}}", "words": "{{body}}"}
        CustomWebhookNotificationBlock(name="team", url=box.address, json_data=told).save("team", overwrite=True)
        assert tell_people(MonitorSpec(notify=box.address, notify_block="custom-webhook/team"), CONTENT) == ""
    assert box.posts == [CONTENT, {"title": "Paredown: club", "words": CONTENT["text"]}]
    said = tell_people(MonitorSpec(notify_block="custom-webhook/team"), CONTENT)
    assert said == "monitor.notify_block: custom-webhook/team could not be told (ConnectError)"
    said = tell_people(MonitorSpec(notify_block="slack-webhook/nobody"), CONTENT)
    assert said == "monitor.notify_block: Prefect has no block slack-webhook/nobody"
