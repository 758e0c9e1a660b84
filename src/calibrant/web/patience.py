"""How long does a server wait for a client that says little? Connections that stall are closed.

uvicorn waits for ever for the first bytes, and for the rest of a head; a client that sends one
byte a minute would hold a connection each. A request must have come in whole within a few seconds
of its connection, or of its own first byte.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

PATIENCE = 30.0
"""Seconds; longer than the layer `Limits` waits for a form, which can say so."""


class Patient(H11Protocol):
    """uvicorn's HTTP/1.1, with an end to waiting."""

    patience = PATIENCE
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A client has come."""
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Some bytes have come."""
        super().data_received(data)
        waiting = self.conn.their_state in (h11.IDLE, h11.SEND_BODY)
        if not waiting or self.conn.their_state is h11.ERROR:
            self._forget()
        elif self._late is None:
            # Not again with every byte: then one a second would do for ever.
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._forget()
        super().connection_lost(exc)

    def _expect(self) -> None:
        self._late = self.loop.call_later(self.patience, self._give_up)

    def _forget(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _give_up(self) -> None:
        self._late = None
        self.transport.close()
