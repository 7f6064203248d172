"""Entry point: `python -m sluice_operator`."""

import asyncio
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


async def _run(settings: Settings) -> None:
    configuration = Configuration()
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        config.load_incluster_config(client_configuration=configuration)
    else:
        await config.load_kube_config(client_configuration=configuration)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with ApiClient(configuration) as api, aiohttp.ClientSession() as session:
        await Manager(settings=settings, api=api, session=session).run(stop)


def main() -> None:
    """Run the operator until SIGTERM or SIGINT."""
    logs.configure()
    try:
        settings = Settings.from_environment(os.environ)
    except ValidationError as error:
        wrong = ", ".join(f"SLUICE_{str(e['loc'][0]).upper()} ({e['msg']})" for e in error.errors())
        sys.exit(f"sluice-operator: settings are missing or wrong: {wrong}")
    asyncio.run(_run(settings))


if __name__ == "__main__":
    main()
