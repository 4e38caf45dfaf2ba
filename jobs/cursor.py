"""Where a sync job stands: the chunks still to read, and the connector's own cursor inside the first of them."""

from dataclasses import dataclass, field, replace
from datetime import date

from connectors.contract import Page
from jobs import windows


@dataclass(slots=True)
class Cursor:
    """What a job keeps between two transactions. `planned` is how many chunks there were at first."""

    chunks: list[windows.Chunk] = field(default_factory=list)
    at: str = ""
    planned: int = 0
    quality: list[str] = field(default_factory=list)

    @classmethod
    def load(cls, stored: dict[str, object]) -> "Cursor":
        """From the job's column; an empty one means that nothing is planned yet.

        >>> Cursor.load({}) == Cursor()
        True
        """
        quality = stored.get("quality")
        return cls(
            chunks=windows.load_chunks(stored.get("chunks")),
            at=str(stored.get("at", "")),
            planned=int(str(stored.get("planned", 0))),
            quality=[str(flag) for flag in quality] if isinstance(quality, list) else [],
        )

    def dump(self) -> dict[str, object]:
        """As stored in the job's column.

        >>> Cursor(at="7").dump()
        {'chunks': [], 'at': '7', 'planned': 0, 'quality': []}
        """
        return {
            "chunks": windows.dump_chunks(self.chunks),
            "at": self.at,
            "planned": self.planned,
            "quality": list(self.quality),
        }

    def plan(self, start: date, end: date, chunk_days: int) -> None:
        """Cut the window into chunks, newest first."""
        self.chunks = windows.chunks_of(start, end, chunk_days)

    def after(self, page: Page) -> "Cursor":
        """The cursor once `page` is committed."""
        return replace(self, at=page.cursor, quality=sorted({*self.quality, *page.quality}))

    def finish_chunk(self) -> None:
        """The first chunk has been read to its end."""
        self.chunks, self.at = self.chunks[1:], ""
