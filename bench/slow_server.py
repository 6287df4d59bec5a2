"""A web server that thinks for 100 ms about each request: python -m bench.slow_server PORT_FILE."""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

THINKS = 0.1  # seconds
_ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"ok":true}'


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            await reader.readuntil(b"\r\n\r\n")  # its clients send GET, which has no body
            await asyncio.sleep(THINKS)
            writer.write(_ANSWER)
            await writer.drain()
    writer.close()


async def _main(port_file: Path) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    server = await asyncio.start_server(_serve, "127.0.0.1", 0, backlog=1024)
    ready = port_file.with_suffix(".new")
    ready.write_text(str(server.sockets[0].getsockname()[1]))
    ready.rename(port_file)
    await stopped.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
