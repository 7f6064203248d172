"""One telling of the story on a real cluster: the watching, the client and the script together, and what they recorded.

The end-to-end tests play the same performance with an `on_mark` that does harm at a given moment.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from examples.sms import messages
from hack.demo import measure, scene
from hack.demo.kube import Cluster, KubectlError
from hack.demo.observe import Observer
from hack.demo.prometheus import Prometheus, PrometheusError
from hack.demo.record import Chapter, Mark, Recording
from hack.demo.story import Narrator, Stage, StoryError, tell
from hack.demo.traffic import Target, Traffic

TARGET = Target(
    url=f"http://127.0.0.1:18080/v1/models/{scene.MODEL}:predict",
    host=f"{scene.MODEL}.{scene.NAMESPACE}.sluice.local",
)
PROMETHEUS = Prometheus("http://127.0.0.1:19090", scene.NAMESPACE, scene.MODEL)


class Performance:
    """The story on a cluster; played once.

    Attributes:
        marks: What happened so far.
        failure: How the story went otherwise, in one line; empty while it did not.
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        chapters: Sequence[Chapter] = scene.CHAPTERS,
        on_mark: Callable[[Mark], None] = lambda _: None,
        kubectl: str = "kubectl",
    ) -> None:
        """Prepare to play the chapters on a cluster.

        Args:
            cluster: Where; it must hold nothing of an earlier story.
            chapters: The versions and their ends.
            on_mark: Told of every mark at the moment it happens; must not block.
            kubectl: How a reader of messages calls kubectl.
        """
        self.chapters = chapters
        self.marks: list[Mark] = []
        self.failure = ""
        self.traffic = Traffic(TARGET, (message.text for message in messages.stream(seed=1)))
        self.observer = Observer(model=scene.MODEL, on_change=Narrator(self._announce))
        self._cluster = cluster
        self._on_mark = on_mark
        self._kubectl = kubectl

    async def play(self) -> Recording:
        """Tell the story and return what was seen, also when it went otherwise: then `failure` says how."""
        settings = scene.rollout()
        stage = Stage(
            apply=self._cluster.apply,
            manifest=lambda version: scene.manifest(version, settings),
            observer=self.observer,
            traffic=self.traffic,
            announce=self._announce,
            kubectl=self._kubectl,
        )
        breaches: dict[str, float | None] = {}
        started = time.time()
        async with self.observer.watching(self._cluster), self.traffic:
            try:
                await tell(stage, self.chapters)
            except (StoryError, KubectlError) as error:
                self.failure = str(error)
        ended = time.time()
        try:
            gates = scene.gates(settings)
            breaches = await measure.breaches(PROMETHEUS, chapters=self.chapters, gates=gates, marks=self.marks)
        except PrometheusError as error:
            self.failure = self.failure or str(error)
        return Recording(
            started=started,
            ended=ended,
            answers=self.traffic.answers,
            held_back=self.traffic.held_back,
            routes=self.observer.routes,
            states=self.observer.states,
            marks=self.marks,
            services=self.observer.services,
            breaches=breaches,
        )

    def _announce(self, mark: Mark) -> None:
        self.marks.append(mark)
        self._on_mark(mark)
