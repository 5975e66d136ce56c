"""The dashboard as an application: which address answers what, and for whom."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from deepchord.coordinator.dashboard.access import Access
from deepchord.coordinator.dashboard.actions import Actions
from deepchord.coordinator.dashboard.comparison import compare_runs
from deepchord.coordinator.dashboard.encoding import encode
from deepchord.coordinator.dashboard.files import DATA_HEADERS, REPORT_HEADERS, page_file
from deepchord.coordinator.dashboard.poller import Poller
from deepchord.coordinator.dashboard.reports import Reports
from deepchord.shared.errors import BrokerError, DeepchordError, InputError, RunFailedError, RunNotFoundError
from deepchord.shared.messages import is_run_id
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore
from deepchord.shared.version import version
from deepchord.shared.web import LOCAL_HOSTS

#: How many may look at the same time.
MOST_VIEWERS = 200
#: The largest request: a name, or a number.
_MOST_BYTES = 4096
_FILES = {"run.json": "application/json", "evaluation.json": "application/json", "recipe.toml": "application/toml"}

Answer = Callable[[Request], Awaitable[Response]]


class Dashboard:
    """The page, what it shows, and what it may do."""

    def __init__(
        self, settings: Settings, store: RunStore, access: Access, *, names: Sequence[str] | None = ()
    ) -> None:
        """Take what is shown, and to whom.

        Args:
            settings: Where broker, storage and cache are.
            store: Shared storage, without retries.
            access: Who may look and act.
            names: By which names browsers may call the server, besides those of this machine itself; None: by any.
        """
        self._store = store
        self._access = access
        self._names = names
        self.poller = Poller(settings, store)
        self._reports = Reports(settings, store)
        self._actions = Actions(settings, store)

    def application(self) -> Starlette:
        """Return the application for any ASGI server."""
        routes = [
            Route("/", page_file),
            Route("/files/{name}", page_file),
            Route("/healthz", _health),
            Route("/session", self._session),
            Route("/session", self._enter, methods=["POST"]),
            Route("/events", self._reading(self._events)),
            Route("/comparison", self._reading(self._comparison)),
            Route("/runs/{run}/report", self._reading(self._report)),
            Route("/runs/{run}/files/{name}", self._reading(self._file)),
            Route("/runs/{run}/{action}", self._acting(self._act_on_run), methods=["POST"]),
            Route("/workers/drain", self._acting(self._drain), methods=["POST"]),
        ]
        hosts = ["*"] if self._names is None else [*LOCAL_HOSTS, *self._names]
        return Starlette(
            routes=routes,
            lifespan=self._lifespan,
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)],
            exception_handlers={HTTPException: _refusal, DeepchordError: _refusal},  # type: ignore[dict-item]  # only these two come
        )

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        polling = asyncio.create_task(self.poller.run())
        try:
            yield
        finally:
            self.poller.stop()
            polling.cancel()
            with suppress(asyncio.CancelledError):
                await polling
            self.poller.close()

    def _reading(self, answer: Answer) -> Answer:
        async def endpoint(request: Request) -> Response:
            self._access.check_reading(request)
            return await answer(request)

        return endpoint

    def _acting(self, answer: Answer) -> Answer:
        async def endpoint(request: Request) -> Response:
            self._access.check_action(request)
            return await answer(request)

        return endpoint

    async def _session(self, request: Request) -> Response:
        """Tell a page what it may do; the secret for actions only if it has a session."""
        may_read = True
        try:
            self._access.check_reading(request)
        except HTTPException:
            may_read = False
        allowed = {"version": version(), "may_read": may_read, "actions": self._access.allows_actions}
        return _json(encode(allowed | {"csrf": self._access.csrf(request) if may_read else None}))

    async def _enter(self, request: Request) -> Response:
        response = _json(b"")
        csrf = self._access.enter(request, response)
        response.body = encode({"csrf": csrf})
        response.headers["content-length"] = str(len(response.body))
        return response

    async def _events(self, request: Request) -> Response:
        run_id = request.query_params.get("run")
        if run_id is not None and not is_run_id(run_id):
            raise HTTPException(404, "There is no run of such a name.")
        if self.poller.viewers >= MOST_VIEWERS:
            raise HTTPException(503, "Too many look at the same time; try again soon.", {"retry-after": "5"})

        async def stream() -> AsyncIterator[bytes]:
            with self.poller.viewing(run_id):
                async for event in self.poller.events(run_id):
                    yield event

        return StreamingResponse(stream(), media_type="text/event-stream", headers=DATA_HEADERS)

    async def _comparison(self, request: Request) -> Response:
        names = request.query_params.getlist("run")
        return _json(encode(await asyncio.to_thread(compare_runs, self._store, names)))

    async def _report(self, request: Request) -> Response:
        page = await asyncio.to_thread(self._reports.page, request.path_params["run"])
        return Response(page, media_type="text/html", headers=REPORT_HEADERS)

    async def _file(self, request: Request) -> Response:
        run_id, name = request.path_params["run"], request.path_params["name"]
        if name not in _FILES:
            raise HTTPException(404, f"There is no such file; there are {', '.join(_FILES)}.")
        data = await asyncio.to_thread(self._reports.file, run_id, name)
        told = {"content-disposition": f'attachment; filename="{run_id}-{name}"'}
        return Response(data, media_type=_FILES[name], headers=DATA_HEADERS | told)

    async def _act_on_run(self, request: Request) -> Response:
        run_id, action = request.path_params["run"], request.path_params["action"]
        if action == "extend":
            members = (await _asked(request)).get("members")
            if not isinstance(members, int) or isinstance(members, bool):
                raise HTTPException(400, 'Expected {"members": N}, the number of members in all.')
            return await self._done(self._actions.extend, run_id, members)
        if action in ("cancel", "resume"):
            return await self._done(self._actions.cancel if action == "cancel" else self._actions.resume, run_id)
        raise HTTPException(404, "A run can be asked to cancel, resume or extend.")

    async def _drain(self, request: Request) -> Response:
        name = (await _asked(request)).get("worker")
        if not isinstance(name, str) or not name:
            raise HTTPException(400, 'Expected {"worker": NAME}, the name of a connected worker.')
        return await self._done(self._actions.drain, name)

    async def _done(self, action: Callable[..., str], name: str, *arguments: object) -> Response:
        """Do it, and have everybody told: the name is that of a run, or of a worker, which is no run."""
        sentence = await asyncio.to_thread(action, name, *arguments)
        self.poller.ask(name)
        return _json(encode({"done": sentence}))


def _json(data: bytes) -> Response:
    return Response(data, media_type="application/json", headers=DATA_HEADERS)


async def _health(_: Request) -> Response:
    return Response("ok\n", media_type="text/plain")


async def _asked(request: Request) -> dict[str, object]:
    """Return the JSON object of a request."""
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > _MOST_BYTES:
            raise HTTPException(413, f"The request is larger than {_MOST_BYTES:,} bytes.")
    try:
        asked = json.loads(data)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise HTTPException(400, "Expected a JSON object.")
    return asked


async def _refusal(request: Request, error: HTTPException | DeepchordError) -> Response:
    """Answer with what was wrong, in a sentence."""
    if isinstance(error, HTTPException):
        sentence = error.detail
        if sentence in (HTTPStatus.NOT_FOUND.phrase, HTTPStatus.METHOD_NOT_ALLOWED.phrase):
            sentence = f"{request.method} {request.url.path} is not answered here; / is the dashboard."
        return JSONResponse({"error": sentence}, error.status_code, headers={**DATA_HEADERS, **(error.headers or {})})
    return JSONResponse({"error": str(error)}, _status(error), headers=DATA_HEADERS)


def _status(error: DeepchordError) -> int:
    """Return the status code for an error of a command."""
    if isinstance(error, RunNotFoundError):
        return 404
    if isinstance(error, InputError | RunFailedError):
        return 409
    return 502 if isinstance(error, BrokerError) else 503
