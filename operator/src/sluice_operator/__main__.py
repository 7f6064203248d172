"""Entry point: `python -m sluice_operator`."""

import asyncio
import gc
import logging
import os
import signal
import sys

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration
from pydantic import ValidationError

from .controller import logs
from .controller.manager import Manager
from .controller.settings import Settings
from .kube.gateway import DEEPEST_JSON
from .kube.lease import LeaseLostError

log = logging.getLogger(__name__)


async def _run(settings: Settings) -> None:
    configuration = Configuration()
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        config.load_incluster_config(client_configuration=configuration)
    else:
        await config.load_kube_config(client_configuration=configuration)
    configuration.connection_pool_maxsize = 0  # each watch keeps a connection: nothing must wait for one to end
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with ApiClient(configuration) as api, aiohttp.ClientSession() as session:
        await Manager(settings=settings, api=api, session=session).run(stop)


def main() -> None:
    """Run the operator until SIGTERM or SIGINT; the exit status is 1 when it ended by itself."""
    logs.configure()
    try:
        settings = Settings.from_environment(os.environ)
    except ValidationError as error:
        wrong = ", ".join(f"SLUICE_{str(e['loc'][0]).upper()} ({e['msg']})" for e in error.errors())
        sys.exit(f"sluice-operator: settings are missing or wrong: {wrong}")
    sys.setrecursionlimit(DEEPEST_JSON)
    gc.set_threshold(50_000, 20, 50)  # lists of thousands of objects come in pages, and none of it is garbage
    try:
        asyncio.run(_run(settings))
    except ExceptionGroup as group:
        lost, others = group.split(LeaseLostError)
        if lost is not None:
            log.error("the lease is lost, another may lead now: ending")
        if others is not None:
            log.error("a part of the operator ended", exc_info=others)
        sys.exit(1)


if __name__ == "__main__":
    main()
