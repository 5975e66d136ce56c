"""How a server of deepchord listens and stops: the ensembles' server and the dashboard have it in common.

What an installation may lack, uvicorn, is imported when a server starts.
"""

from deepchord.shared.web.server import LOCAL_HOSTS, is_local, run_server

__all__ = ["LOCAL_HOSTS", "is_local", "run_server"]
