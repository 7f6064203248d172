"""Run every command of docs/cli.md and write what it printed into the page.

On a test stand of its own; or, with --kubeconfig, on the demo's cluster, where the model has requests meanwhile. A
version that was rolled back there (--candidate) is deleted and applied anew, to be rolled out and taken back again.
"""

import argparse
import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path

from examples.sms import messages
from hack.cli_docs.candidate import manifest, taken_away
from hack.cli_docs.page import Ran, filled
from hack.cli_docs.stand import CANDIDATE, MODEL, spec, stand
from hack.cli_docs.story import Story
from hack.demo import performance, scene
from hack.demo.traffic import Traffic
from sluice_operator.cli.cluster import connect
from sluice_operator.cli.kubeconfig import Target

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
_ON_STAND = (
    "a test stand: a real API server and the real operator, with pods, a Gateway and a Prometheus that are played"
)
_ON_CLUSTER = "the demo's cluster"
_RATE = 10.0
"""Requests a second to the model on the demo's cluster."""


async def _on_stand() -> dict[str, Ran]:
    with tempfile.TemporaryDirectory() as directory:
        async with stand(Path(directory)) as made:
            candidate = manifest(name=f"{MODEL}-{CANDIDATE}", spec=spec(CANDIDATE))
            story = Story(
                kubeconfig=made.kubeconfig,
                namespace="default",
                model=MODEL,
                candidate=candidate,
                ledger_url=f"sqlite:///{made.ledger}",
            )
            return await asyncio.to_thread(story.play)


async def _on_cluster(kubeconfig: Path, candidate: str) -> dict[str, Ran]:
    cluster = connect(Target(kubeconfig=str(kubeconfig), namespace=scene.NAMESPACE))
    story = Story(
        kubeconfig=kubeconfig,
        namespace=scene.NAMESPACE,
        model=scene.MODEL,
        candidate=taken_away(cluster, candidate),
    )
    texts = (message.text for message in messages.stream(seed=1))
    async with Traffic(replace(performance.TARGET, rate=_RATE), texts) as traffic:
        traffic.start()
        return await asyncio.to_thread(story.play)


def main() -> None:
    """Play the story and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kubeconfig", type=Path, help="of the demo's cluster; a test stand otherwise")
    parser.add_argument("--candidate", default="sms-classifier-1-2-0", help="a version that was rolled back there")
    options = parser.parse_args()
    kubeconfig = options.kubeconfig
    ran = asyncio.run(_on_stand() if kubeconfig is None else _on_cluster(kubeconfig, options.candidate))
    where = _ON_STAND if kubeconfig is None else _ON_CLUSTER
    PAGE.write_text(filled(PAGE.read_text(), ran, on=where))


if __name__ == "__main__":
    main()
