"""The dashboard: one page in a browser tab about runs and workers, live, and the server behind it.

One poller reads storage and brokers for all viewers. The server needs packages that may be missing (the extra `serve`),
so it is imported from its files.
"""

__all__: list[str] = []
