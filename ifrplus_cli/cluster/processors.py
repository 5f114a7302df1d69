"""What a worker that was started on this machine does first."""

from __future__ import annotations

from dataclasses import dataclass

from distributed import Worker, WorkerPlugin

from ifrplus_cli.system import keep_freed_memory, use_processors


@dataclass
class UseProcessors(WorkerPlugin):
    """Lets a worker use its share of the processors, and keep its memory, as the program itself does."""

    processors: tuple[int, ...]
    name = "ifrplus-processors"

    def setup(self, worker: Worker) -> None:
        """Run in the worker before its first task."""
        use_processors(self.processors)
        keep_freed_memory()
