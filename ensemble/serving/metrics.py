"""Numbers about a server for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_IMAGES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class ServerMetrics:
    """Counters and histograms of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "deepchord_serve_requests", "Requests by model and status.", ("model", "status"), registry=self._registry
        )
        self.seconds = Histogram(
            "deepchord_serve_request_seconds",
            "How long predictions took.",
            ("model",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.images = Counter("deepchord_serve_images", "Images predicted.", ("model",), registry=self._registry)
        self.abstained = Counter(
            "deepchord_serve_abstained", "Images that were not answered.", ("model",), registry=self._registry
        )
        self.batch_images = Histogram(
            "deepchord_serve_batch_images",
            "Images of one computation.",
            ("model",),
            buckets=_IMAGES,
            registry=self._registry,
        )
        self.in_flight = Gauge("deepchord_serve_in_flight", "Requests at work or waiting.", registry=self._registry)

    def text(self) -> bytes:
        """Return all numbers in Prometheus's format."""
        return generate_latest(self._registry)
