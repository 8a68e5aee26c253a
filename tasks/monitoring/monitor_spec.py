"""Monitor spec: what a monitor tolerates, and upon what it says act."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from tasks.core import InputError, Spec
from tasks.data.additions.added_data import read_window

Level = Literal["fine", "warn", "act"]
"""What a look says: nothing to do; look at it; do something."""
ActOn = Literal["harm", "inputs", "predictions", "all"]
SHADOW = "20000 rows"
"""How long the previous champion runs beside the new one where the recipe does not say."""


class MonitorSpec(Spec):
    """What a monitor tolerates, and upon what it says act."""

    tolerance: float | None = Field(default=None, ge=0)
    """By how much the mean loss of a row may exceed the reference's, in the loss's unit: of accuracy, the share of
    mistakes. Absent: a tenth of the reference's loss."""
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """With at most this chance the monitor ever says act, of one champion, though the loss is within the tolerance. Of
    unchanged inputs, at most this share of the looks warns."""
    act_on: ActOn = "harm"
    """Harm always acts. `inputs` and `predictions`, or `all`, act as well where they have changed; else they warn."""

    shadow: str | int = SHADOW
    """After a promotion, for how many rows with labels, or for how long, the previous champion answers beside the new
    one, which goes back where it is proven worse: `20000 rows`, `2 weeks`, `12 hours`; `off`: not at all."""
    notify: str | None = None
    """An address to which act, a failed retrain and a rollback are posted as JSON, such as that of a chat's incoming
    webhook."""
    notify_block: str | None = None
    """A notification block in Prefect that is told the same: `slack-webhook/NAME`, `custom-webhook/NAME`, …."""
    cooldown: float = Field(default=24.0, ge=0)
    """Hours for which `act` is not told again of the same champion; every look still says it."""

    @field_validator("shadow", mode="before")
    @classmethod
    def _may_be_off(cls, given: object) -> object:
        """YAML reads `off` and `on` as truth values."""
        if isinstance(given, bool):
            return SHADOW if given else 0
        return 0 if given == "off" else given

    @field_validator("shadow")
    @classmethod
    def _can_be_read(cls, given: str | int) -> str | int:
        try:
            if given != 0:
                read_window(given)
        except InputError as error:
            error.nearest = SHADOW
            raise ValueError(error) from None
        return given

    @field_validator("notify")
    @classmethod
    def _is_address(cls, address: str | None) -> str | None:
        if address is not None and not address.startswith(("http://", "https://")):
            law = "must be an address that begins with https:// or http://"
            raise ValueError(InputError(law, value=address, nearest=f"https://{address.rpartition('://')[2]}"))
        return address

    @field_validator("notify_block")
    @classmethod
    def _is_block(cls, block: str | None) -> str | None:
        if block is not None and not all(block.partition("/")):
            law = "must be a block's type and its name"
            raise ValueError(InputError(law, value=block, nearest=f"slack-webhook/{block.strip('/') or 'NAME'}"))
        return block

    def acts_on(self, look: Literal["inputs", "predictions"]) -> bool:
        """Whether a change that a look finds is one to act upon."""
        return self.act_on in (look, "all")
