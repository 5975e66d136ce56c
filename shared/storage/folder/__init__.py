"""A folder as storage, and how its files are written, compared and looked for."""

from deepchord.shared.storage.folder.folder_store import FolderStore

__all__ = ["FolderStore"]
