"""A long run says how far it is, and believes what it has seen more than what was planned."""

from hack.bench.predictor.progress import Progress


class Watch:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self):
        return self.now


def test_each_line_has_the_time_so_far_and_what_is_left():
    lines, watch = [], Watch()
    progress = Progress(600, announce=lines.append, clock=watch)

    progress.begin("start the servers", seconds=60)
    watch.now = 60
    progress.begin("minilm c1: KServe SDK, 1 of 3", seconds=540)

    assert lines == ["0:00  start the servers  (10:00 left)", "1:00  minilm c1: KServe SDK, 1 of 3  (9:00 left)"]


def test_a_run_that_is_slower_than_planned_has_more_left():
    lines, watch = [], Watch()
    progress = Progress(600, announce=lines.append, clock=watch)
    progress.begin("first half", seconds=300)
    watch.now = 450

    progress.begin("second half", seconds=300)

    assert lines[-1].endswith("(7:30 left)")


def test_what_was_not_planned_does_not_make_it_negative():
    lines, watch = [], Watch()
    progress = Progress(10, announce=lines.append, clock=watch)
    progress.begin("all", seconds=100)
    watch.now = 5

    progress.begin("more", seconds=1)

    assert lines[-1].endswith("(0:00 left)")
