"""The server as an application: which address answers what, for whom, and within which limits."""

import asyncio
import hmac
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive

from deepchord.ensemble.answers import Question
from deepchord.ensemble.ensemble import Ensemble
from deepchord.ensemble.multilabel_prediction import MultilabelPrediction
from deepchord.ensemble.regression_prediction import RegressionPrediction
from deepchord.ensemble.serving.batching import Batcher
from deepchord.ensemble.serving.limits import ServeLimits
from deepchord.ensemble.serving.metrics import ServerMetrics
from deepchord.ensemble.serving.openapi import openapi
from deepchord.ensemble.serving.requests import read_request, too_large
from deepchord.ensemble.serving.responses import labels_response, numbers_response, prediction_response
from deepchord.shared.errors import DeepchordError
from deepchord.shared.host import usable_cores
from deepchord.shared.web import LOCAL_HOSTS

_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src 'self' data: blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}


class Server:
    """Ensembles by their names, and who may ask them."""

    def __init__(
        self,
        ensembles: Mapping[str, Ensemble],
        *,
        limits: ServeLimits,
        token: str | None = None,
        risk: float | None = None,
        names: Sequence[str] | None = (),
    ) -> None:
        """Take what is served; the first ensemble is the usual one.

        Args:
            ensembles: At least one, by name.
            limits: What is taken from clients.
            token: What clients have to send as `Authorization: Bearer …`; None: nothing.
            risk: Where images are not answered, if the request does not say; see `Ensemble.predict`.
            names: By which names browsers may call the server, besides those of this machine itself; None: by any.
        """
        self._ensembles = dict(ensembles)
        self.limits = limits
        self._token = token
        self._risk = risk
        self._metrics = ServerMetrics()
        self._batchers: dict[str, Batcher] = {}
        self._cores = usable_cores()
        self._pool = ThreadPoolExecutor(self._cores, thread_name_prefix="predict")
        self._in_flight = 0
        self._names = names

    def application(self) -> Starlette:
        """Return the application for any ASGI server."""
        routes = [
            Route("/", self._page),
            Route("/healthz", self._health),
            Route("/readyz", self._ready),
            Route("/openapi.json", self._description),
            Route("/metrics", self._guarded(self._numbers)),
            Route("/models", self._guarded(self._models)),
            Route("/predict", self._guarded(self._predict), methods=["POST"]),
            Route("/models/{model}/predict", self._guarded(self._predict), methods=["POST"]),
        ]
        hosts = ["*"] if self._names is None else [*LOCAL_HOSTS, *self._names]
        return Starlette(
            routes=routes,
            lifespan=self._lifespan,
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)],
            exception_handlers={HTTPException: _refusal},  # type: ignore[dict-item]  # it gets HTTPExceptions only
        )

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Compute one image with each ensemble, so that the first client does not wait longer than others."""
        try:
            for name, ensemble in self._ensembles.items():
                told = self._metrics.batch_images.labels(name).observe
                batcher = Batcher(ensemble, self._pool, self._cores, told)
                kind = np.uint8 if ensemble.answers.takes_whole_numbers else np.float32
                await batcher.answer(np.zeros((1, *ensemble.input_shape), kind), Question())
                self._batchers[name] = batcher
            yield
            self._batchers.clear()
        finally:
            # Those who asked were answered, or were told that it took too long.
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _guarded(self, answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """Return an endpoint that asks for the token first."""

        async def endpoint(request: Request) -> Response:
            if self._token is None and request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
                raise HTTPException(403, "Pages of others may not ask this server.")
            if self._token is not None:
                scheme, _, given = request.headers.get("authorization", "").partition(" ")
                if scheme.lower() != "bearer" or not hmac.compare_digest(given.encode(), self._token.encode()):
                    raise HTTPException(
                        401, "This server wants its token: Authorization: Bearer …", {"www-authenticate": "Bearer"}
                    )
            return await answer(request)

        return endpoint

    async def _predict(self, request: Request) -> Response:
        name = request.path_params.get("model", next(iter(self._ensembles)))
        if name not in self._ensembles:
            raise HTTPException(404, f"There is no model {name!r}; there are {', '.join(self._ensembles)}.")
        if self._in_flight >= self.limits.max_requests:
            self._metrics.requests.labels(name, "503").inc()
            raise HTTPException(503, "Too many requests at once; try again soon.", {"retry-after": "1"})
        self._in_flight += 1
        self._metrics.in_flight.set(self._in_flight)
        began, status = time.perf_counter(), "500"
        try:
            async with asyncio.timeout(self.limits.timeout_s):
                response = await self._answer(name, request)
            status = "200"
            return response
        except TimeoutError as error:
            status = "504"
            raise HTTPException(504, f"The answer took longer than {self.limits.timeout_s:g} s.") from error
        except HTTPException as error:
            status = str(error.status_code)
            raise
        except ClientDisconnect:
            status = "499"  # nobody reads the answer
            return Response(status_code=400)
        finally:
            self._in_flight -= 1
            self._metrics.in_flight.set(self._in_flight)
            self._metrics.requests.labels(name, status).inc()
            self._metrics.seconds.labels(name).observe(time.perf_counter() - began)

    async def _answer(self, name: str, request: Request) -> Response:
        ensemble = self._ensembles[name]
        bounded = _bounded(request, self.limits)
        asked = await read_request(bounded, ensemble.description, self.limits, self._risk, self._pool)
        try:
            prediction = await self._batchers[name].answer(asked.content.values, asked.question)
        except DeepchordError as error:
            raise HTTPException(422, str(error)) from error
        told = (
            prediction.standard_deviation if isinstance(prediction, RegressionPrediction) else prediction.probabilities
        )
        if not np.isfinite(told).all():
            items = "images" if ensemble.description.dataset.table is None else "rows"
            wanted = "numbers" if isinstance(prediction, RegressionPrediction) else "probabilities"
            raise HTTPException(422, f"The values of the {items} are so large that no {wanted} follow from them.")
        self._metrics.images.labels(name).inc(len(prediction))
        item, warnings = ("image" if ensemble.description.dataset.table is None else "row"), asked.content.warnings
        if isinstance(prediction, RegressionPrediction):
            return numbers_response(name, asked.names, prediction, item, asked.level, warnings)
        if isinstance(prediction, MultilabelPrediction):
            return labels_response(name, asked.names, prediction, item, warnings)
        if prediction.abstains is not None:
            self._metrics.abstained.labels(name).inc(int(prediction.abstains.sum()))
        return prediction_response(name, asked.names, prediction, item, warnings)

    async def _page(self, _: Request) -> Response:
        return HTMLResponse(_template(), headers=_HEADERS)

    async def _health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _ready(self, _: Request) -> Response:
        ready = len(self._batchers) == len(self._ensembles)
        return JSONResponse({"ready": ready}, 200 if ready else 503)

    async def _description(self, _: Request) -> Response:
        return JSONResponse(openapi(tuple(self._ensembles), needs_token=self._token is not None))

    async def _numbers(self, _: Request) -> Response:
        return Response(self._metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def _models(self, _: Request) -> Response:
        return JSONResponse(
            {
                "models": [
                    {
                        "name": name,
                        "run_id": ensemble.description.run_id,
                        "members": len(ensemble),
                        "input_shape": list(ensemble.input_shape),
                        **_columns(ensemble),
                        **_predicted(ensemble),
                        "risks": [each.risk for each in ensemble.description.abstentions],
                        "usual_risk": self._risk,
                    }
                    for name, ensemble in self._ensembles.items()
                ]
            }
        )


def _predicted(ensemble: Ensemble) -> dict[str, Any]:
    """Return what is predicted, and how well that was on the test images or rows."""
    regression, test = ensemble.description.regression, ensemble.description.test
    if regression is not None:
        scores = [each.model_dump(mode="json") for each in regression.scaled_test or regression.test]
        levels = sorted({each.level for each in regression.intervals})
        return {"target_names": list(ensemble.target_names), "test_scores": scores, "levels": levels}
    labels = ensemble.description.multilabel
    if labels is not None:
        best = labels.calibrated_test or labels.test
        return {
            "label_names": list(ensemble.label_names),
            "test_scores": best.model_dump(mode="json"),
            "levels": [],
        }
    return {
        "class_names": list(ensemble.class_names),
        "test_accuracy": test.accuracy if test else None,
        "levels": sorted({each.level for each in ensemble.description.conformal}),
    }


def _columns(ensemble: Ensemble) -> dict[str, Any]:
    """Return the columns that rows of a table need; nothing for an ensemble that takes images."""
    table, told = ensemble.description.dataset.table, {"name", "kind", "categories"}
    return {} if table is None else {"columns": [each.model_dump(mode="json", include=told) for each in table.columns]}


def _bounded(request: Request, limits: ServeLimits) -> Request:
    """Return the request with a body that may not become larger than is taken, also where a form is parsed."""
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > limits.max_bytes:
        raise too_large(limits)
    received, receive = 0, request.receive

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limits.max_bytes:
            raise too_large(limits)
        return message

    bounded: Receive = counted
    return Request(request.scope, bounded)


async def _refusal(request: Request, error: HTTPException) -> Response:
    return JSONResponse({"error": _reason(request, error)}, error.status_code, headers=error.headers)


def _reason(request: Request, error: HTTPException) -> str:
    """Return what was wrong; where the address is, also what there is."""
    if error.detail not in (HTTPStatus.NOT_FOUND.phrase, HTTPStatus.METHOD_NOT_ALLOWED.phrase):
        return error.detail
    asked = f"{request.method} {request.url.path}"
    return f"{asked} is not answered here; POST /predict is, / is a page to try it, and /openapi.json tells the rest."


@cache
def _template() -> str:
    return files("deepchord.ensemble.serving").joinpath("templates", "page.html").read_text(encoding="utf-8")
