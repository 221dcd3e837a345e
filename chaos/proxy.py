"""A network that can be broken: a TCP proxy on the way from bookings to another service."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from stack.program import free_port

T = TypeVar("T")
BUFFER = 65536
RESET = struct.pack("ii", 1, 0)  # linger no time: what closing then does


@dataclass(frozen=True)
class Trouble:
    """What is wrong with the network, and for which requests.

    `how` is one of

    - `slow`: everything takes `seconds` more, either way;
    - `cut`: no request gets through, and all connections are reset;
    - `silent`: nothing arrives, either way, and in the end connections are cut;
    - `late`: requests arrive when the trouble is over, and their answers reach nobody;
    - `deaf`: requests arrive, their answers never do;
    - `half`: answers break off half-way.

    `where`, if it is given, is part of the request line (`POST /api/v1/payments/ HTTP/1.1`) of the
    requests that are meant; all others pass.
    """

    how: str
    seconds: float = 0.5
    where: str = ""


HOWS = ("slow", "cut", "silent", "late", "deaf", "half")


class Connection:
    """A connection through the proxy, and what it is asked at the moment."""

    def __init__(self, *writers: asyncio.StreamWriter) -> None:
        self.writers = writers
        self.request_line = b""

    def cut(self) -> None:
        """End it as a broken network would: with a reset (RST), and no goodbye."""
        for writer in self.writers:
            end = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):  # it has ended already
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()


class FaultProxy:
    """Listens on `port` of 127.0.0.1 and passes all on to the port given to `lead_to`.

    It runs in a thread of its own, from `with` to the end of the block. `meet` and `heal` may be
    called from any thread.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.trouble: Trouble | None = None
        self._to = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._healed = asyncio.Event()
        self._healed.set()
        self._open: set[Connection] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def lead_to(self, port: int) -> None:
        """Where connections go. May be said after the start."""
        self._to = port

    def meet(self, trouble: Trouble) -> None:
        """Be in trouble from now on, until `heal`."""
        self._run(self._meet(trouble))

    def heal(self) -> None:
        """Be a good network again."""
        self._run(self._heal())

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._serve, "127.0.0.1", self.port))
        return self

    def __exit__(self, *exception: object) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _meet(self, trouble: Trouble) -> None:
        self.trouble = trouble
        self._healed.clear()
        if trouble.how == "cut" and not trouble.where:
            for connection in self._open:
                connection.cut()

    async def _heal(self) -> None:
        self.trouble = None
        self._healed.set()

    async def _close(self) -> None:
        await self._heal()
        self._server.close()
        for connection in self._open:
            connection.cut()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    # --- One connection ---------------------------------------------------------------------------

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            service, to_service = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            to_client.transport.abort()
            return
        connection = Connection(to_client, to_service)
        self._open.add(connection)
        try:
            await asyncio.gather(
                self._pass_requests(connection, client, to_service),
                self._pass_answers(connection, service, to_client),
            )
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(connection)
            connection.cut()

    async def _pass_requests(
        self, connection: Connection, client: asyncio.StreamReader, to: asyncio.StreamWriter
    ) -> None:
        while data := await client.read(BUFFER):
            first_line = data.partition(b"\r\n")[0]
            if first_line.endswith(b"HTTP/1.1"):
                connection.request_line = first_line
            trouble = self._trouble_of(connection)
            if trouble in ("cut", "silent"):
                await self._end(connection, trouble)
            if trouble == "late":
                await self._deliver_late(data, client)
                await self._end(connection, trouble)
            await self._send(connection, data, to)
        with contextlib.suppress(OSError):
            to.write_eof()

    async def _pass_answers(
        self, connection: Connection, service: asyncio.StreamReader, to: asyncio.StreamWriter
    ) -> None:
        while data := await service.read(BUFFER):
            trouble = self._trouble_of(connection)
            if trouble == "half":
                await self._send(connection, data[: len(data) // 2], to)
            if trouble in ("half", "deaf", "silent", "cut"):
                await self._end(connection, trouble)
            await self._send(connection, data, to)
        # A service closes what stands idle; whoever waits in vain must not learn of that.
        await self._end(connection, self._trouble_of(connection))

    async def _deliver_late(self, data: bytes, client: asyncio.StreamReader) -> None:
        """Deliver a request when the trouble is over. Its answer is read, and reaches nobody."""
        await self._healed.wait()
        service, to_service = await asyncio.open_connection("127.0.0.1", self._to)
        try:
            while data:
                to_service.write(data)
                # The body comes by itself; a client that still waits sends no more.
                data = await _read(client, seconds=0.2)
            await _read(service, seconds=5.0)
        finally:
            to_service.transport.abort()

    def _trouble_of(self, connection: Connection) -> str | None:
        trouble = self.trouble
        if trouble is None or trouble.where.encode() not in connection.request_line:
            return None
        return trouble.how

    async def _send(self, connection: Connection, data: bytes, to: asyncio.StreamWriter) -> None:
        trouble = self.trouble
        if trouble and self._trouble_of(connection) == "slow":
            await asyncio.sleep(trouble.seconds)
        to.write(data)
        await to.drain()

    async def _end(self, connection: Connection, trouble: str | None) -> None:
        """The end of a connection: at once, or when those who wait for it may have given up."""
        if trouble in ("silent", "deaf", "late"):
            await self._healed.wait()
        connection.cut()
        raise ConnectionResetError


async def _read(reader: asyncio.StreamReader, seconds: float) -> bytes:
    """What comes within this time, empty if nothing does."""
    try:
        return await asyncio.wait_for(reader.read(BUFFER), seconds)
    except TimeoutError:
        return b""
