"""The pretended GPU in time: streams and events.

Operations run at once here, in the order of the program. So a stream that does not wait for another, as it should, is
not noticed; a stream without part in the capture under way is (`tests.gpu.pretended_graph`).
"""

from __future__ import annotations

import time
from typing import Any

from tests.gpu.pretended_machine import now


class Stream:
    """`torch.cuda.Stream`: on the current GPU if none is named."""

    def __init__(self, device: Any = None, priority: int = 0):
        self.device = now().resolved(device)
        self.priority = priority

    def wait_stream(self, other: Stream) -> None:
        if (graph := now().capturing) is not None:
            graph.join(self, other)

    def wait_event(self, event: Event) -> None:
        if event.stream is not None:
            self.wait_stream(event.stream)

    def record_event(self, event: Event | None = None) -> Event:
        event = Event() if event is None else event
        event.record(self)
        return event

    def query(self) -> bool:
        return True

    def is_capturing(self) -> bool:
        graph = now().capturing
        return graph is not None and self in graph.streams

    def synchronize(self) -> None:
        now().wait("Stream.synchronize")


def current_stream(device: Any = None) -> Stream:
    return now().streams[now().resolved(device).index]


class stream:  # noqa: N801 (torch's name)
    """`torch.cuda.stream`: makes a stream, and its GPU, the current ones."""

    def __init__(self, chosen: Stream | None):
        self.chosen = chosen

    def __enter__(self) -> None:
        if self.chosen is not None:
            state, number = now(), self.chosen.device.index
            self.before = state.current, state.streams[number]
            state.current, state.streams[number] = number, self.chosen

    def __exit__(self, *error: object) -> None:
        if self.chosen is not None:
            now().current, now().streams[self.chosen.device.index] = self.before


class Event:
    """`torch.cuda.Event`: a moment of a stream, which the host knows to be over only when it has waited or asked."""

    def __init__(self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False):
        self.timed = enable_timing
        self.stream: Stream | None = None
        self.seconds, self.waits, self.asked = 0.0, 0, False

    def record(self, stream: Stream | None = None) -> None:
        self.stream = current_stream() if stream is None else stream
        self.seconds, self.waits, self.asked = time.perf_counter(), now().waits, False

    def wait(self, stream: Stream | None = None) -> None:
        (current_stream() if stream is None else stream).wait_event(self)

    def query(self) -> bool:
        self.asked = True
        return True

    def synchronize(self) -> None:
        now().wait("Event.synchronize", debugged=False)

    def elapsed_time(self, end: Event) -> float:
        """Milliseconds from this event to `end`."""
        both = (self, end)
        if not all(event.timed for event in both):
            raise ValueError("Both events must be created with argument 'enable_timing=True'.")
        if any(event.stream is None for event in both):
            raise ValueError("Both events must be recorded before calculating elapsed time.")
        if not all(event.asked or now().waits > event.waits for event in both):
            raise ValueError("Both events must be completed before calculating elapsed time.")
        return 1000 * (end.seconds - self.seconds)
