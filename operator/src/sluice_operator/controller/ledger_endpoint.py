"""The record for readers, on the pod's loopback alone: a port-forward is the only way there.

So whoever may forward ports to the operator's pod may read, by the rights of his own kubeconfig, and nobody else: there
is no open port and no token. Nothing here writes. One page is read at a time, and a part of it at once, so that readers
take neither the memory nor the connections that the operator needs; one who does not take his page is cut off, so that
he does not keep the others from theirs.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from ..ledger.errors import LedgerError
from ..ledger.lines import line
from ..ledger.record import Record
from ..ledger.store import Ledger
from ..ledger.verify import Fault

HOST, PORT = "127.0.0.1", 8082
MOST_RECORDS = 1000
"""Records of a page."""
MOST_BYTES = 8 << 20
"""A page ends with the record that passes this size."""
_AT_ONCE = 100
_PATIENCE = 30.0
"""Seconds for which a reader may leave a part of a page."""
_LAST = 2**53
_LONGEST = 253
_NAMES = ("namespace", "model", "version")


@dataclass(frozen=True, slots=True)
class _Page:
    """What a reader asks for."""

    names: Mapping[str, Any]
    after: int
    limit: int


async def serve(ledger: Callable[[], Ledger], *, port: int = PORT) -> web.AppRunner:
    """Serve GET /v1/records and /v1/head until the runner is cleaned up.

    Args:
        ledger: Gives the ledger, or raises LedgerError; called from threads.
        port: 0 chooses one.
    """
    one_at_a_time = asyncio.Lock()

    async def records(request: web.Request) -> web.StreamResponse:
        page = _page(request)
        async with one_at_a_time:
            return await _answer(request, page, ledger)

    async def head(_: web.Request) -> web.Response:
        try:
            found = await asyncio.to_thread(lambda: ledger().head())
        except LedgerError as error:
            raise _away(error) from error
        return web.json_response({"chain": found.chain, "seq": found.seq, "digest": found.digest})

    app = web.Application()
    app.add_routes([web.get("/v1/records", records), web.get("/v1/head", head)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    return runner


async def _answer(request: web.Request, page: _Page, ledger: Callable[[], Ledger]) -> web.StreamResponse:
    """A page, as it is read.

    Whoever wants the next one asks for what comes after its last record, until a page is empty.
    """
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson", "Cache-Control": "no-store"})
    count, size, after = 0, 0, page.after
    while count < page.limit and size < MOST_BYTES:
        asked = {**page.names, "after_seq": after, "limit": min(_AT_ONCE, page.limit - count)}
        try:
            found = await asyncio.to_thread(_records, ledger, asked)
        except LedgerError as error:
            if response.prepared and request.transport is not None:
                request.transport.abort()  # no reader takes a part for the whole
            raise _away(error) from error
        if not response.prepared:
            await response.prepare(request)
        lines = b"".join(map(line, found))
        try:
            async with asyncio.timeout(_PATIENCE):
                await response.write(lines)
        except (TimeoutError, ConnectionError):
            if request.transport is not None:
                request.transport.abort()
            return response
        count, size = count + len(found), size + len(lines)
        if len(found) < asked["limit"]:
            break
        after = found[-1].seq
    await response.write_eof()
    return response


def _records(ledger: Callable[[], Ledger], asked: Mapping[str, Any]) -> list[Record | Fault]:
    return ledger().records(**asked)


def _away(error: LedgerError) -> web.HTTPServiceUnavailable:
    return web.HTTPServiceUnavailable(text=f"the ledger cannot be read: {error}\n")


def _page(request: web.Request) -> _Page:
    """What is asked.

    Raises:
        web.HTTPBadRequest: There is no such thing.
    """
    given = dict(request.query)
    if given.keys() - {*_NAMES, "after", "limit"} or len(given) != len(request.query):
        raise web.HTTPBadRequest(text=f"expected each of {', '.join(_NAMES)}, after and limit at most once\n")
    names = {name: given[name] for name in _NAMES if name in given}
    if any(not 0 < len(name) <= _LONGEST or not name.isprintable() for name in names.values()):
        raise web.HTTPBadRequest(text=f"a name has 1 to {_LONGEST} printable characters\n")
    return _Page(
        names=names,
        after=_number(given, "after", otherwise=0, least=0, most=_LAST),
        limit=_number(given, "limit", otherwise=MOST_RECORDS, least=1, most=MOST_RECORDS),
    )


def _number(given: Mapping[str, str], name: str, *, otherwise: int, least: int, most: int) -> int:
    text = given.get(name, str(otherwise))
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and least <= int(text) <= most):
        raise web.HTTPBadRequest(text=f"{name}: expected a number from {least} to {most}\n")
    return int(text)
