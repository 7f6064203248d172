"""Waiting for what comes by itself."""

import asyncio


async def until(condition):
    """Wait until something is so, for twenty seconds at most."""
    async with asyncio.timeout(20):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)
