"""`deepchord serve` next to LitServe and BentoML: the same exported file of ten members, the same clients and requests.

One client, and 32 at once, each of which asks about one image of 28x28 pixels, as JSON and as a PNG file of a form, and
asks again when it has its answer. All servers join requests; each peer is set up in two ways, with one process that
computes and with one for each core. In each round every server is started anew, and is alone with the clients; each
round begins with another server, so that a machine that becomes slower or faster favours none. All answers are
compared with those of the ensemble. A quarter of an hour with the peers, five seconds of it for each load of a round.

    python -m benchmarks.serving [--seconds 5] [--rounds 5] [--peers PYTHON] [--json FILE]

`--peers` names a Python that has `litserve`, `bentoml`, `onnxruntime` and `pillow`: deepchord's own with the extra
`bench`, or another.
"""

import argparse
import io
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import deepchord
from benchmarks.machine import describe
from benchmarks.serving_client import Load, ask
from benchmarks.serving_servers import NOTHING, Server, cpu_s, running, servers
from benchmarks.ten_members import IMAGES, MODEL, make_ten_members
from tests.ports import free_ports

_CLIENTS = (1, 32)
#: Different ones, so that nobody gets the answer of another.
_IMAGES = 64
_TOLERANCE = 1e-5
_WARM_UP_S = 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class _Asked:
    """Images, and what the ensemble says of them."""

    images: NDArray[np.uint8]
    probabilities: NDArray[np.float32]


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_ten_members(folder)
        images = np.load(folder / IMAGES)[:_IMAGES]
        asked = _Asked(images=images, probabilities=deepchord.load(folder / MODEL).predict_proba(images))
        (port,) = free_ports(1)
        with running(NOTHING, port):
            nothing = {str(clients): _rate(ask(port, _json(asked), clients, arguments.seconds)) for clients in _CLIENTS}
        versions, compared = servers(folder / MODEL, arguments.peers)
        found: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for number in range(arguments.rounds):
            for server_name in _in_turns(list(compared), number):
                for load_name, measured in _measure(compared[server_name], asked, arguments.seconds):
                    found.setdefault(load_name, {}).setdefault(server_name, []).append(measured)
    loads = {load: {server: _summary(rounds) for server, rounds in each.items()} for load, each in found.items()}
    result = {
        "machine": describe("onnxruntime", "starlette", "uvicorn") | versions,
        "members": 10,
        "rounds": arguments.rounds,
        "seconds": arguments.seconds,
        "requests_per_second_of_a_server_that_does_nothing": nothing,
        "loads": loads,
        "deepchord_to_best_peer": {load: _to_best_peer(each) for load, each in loads.items() if len(each) > 1},
    }
    print(json.dumps(result, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


def _in_turns(names: list[str], number: int) -> list[str]:
    """Return the servers in the order of a round."""
    first = number % len(names)
    return names[first:] + names[:first]


def _measure(server: Server, asked: _Asked, seconds: float) -> Iterator[tuple[str, dict[str, Any]]]:
    """Start a server, and yield what it does under each load."""
    (port,) = free_ports(1)
    with running(server, port) as process:
        for kind, requests in (("json", _json(asked)), ("png", _png(asked, server.file_path))):
            for clients in _CLIENTS:
                ask(port, requests, clients, _WARM_UP_S)
                before = cpu_s(process)
                load = ask(port, requests, clients, seconds)
                used = cpu_s(process) - before
                _verify(load, asked)
                yield (
                    f"{kind}, {clients} client{'s' if clients > 1 else ''}",
                    {
                        "requests_per_second": _rate(load),
                        "cpu_ms_per_request": 1000 * used / len(load.answers),
                        "latencies": load.latencies,
                    },
                )


# Requests and answers


def _json(asked: _Asked) -> list[bytes]:
    bodies = [json.dumps({"images": [image[..., 0].tolist()]}).encode() for image in asked.images]
    return [_request("/predict", "application/json", body) for body in bodies]


def _png(asked: _Asked, path: str) -> list[bytes]:
    requests = []
    for image in asked.images:
        file = io.BytesIO()
        Image.fromarray(image[..., 0]).save(file, "PNG")
        part = b'--end\r\ncontent-disposition: form-data; name="files"; filename="image.png"\r\n'
        body = part + b"content-type: image/png\r\n\r\n" + file.getvalue() + b"\r\n--end--\r\n"
        requests.append(_request(path, "multipart/form-data; boundary=end", body))
    return requests


def _request(path: str, kind: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _verify(load: Load, asked: _Asked) -> None:
    for index, body in load.answers:
        answer = json.loads(body)
        (one,) = answer["predictions"] if isinstance(answer, dict) else answer
        if np.abs(np.array(one["probabilities"]) - asked.probabilities[index]).max() > _TOLERANCE:
            sys.exit(f"A server says of image {index}: {one}.")


# Results


def _rate(load: Load) -> float:
    return len(load.answers) / load.seconds


def _summary(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return rates of the rounds, and latencies of all requests."""
    rates = [each["requests_per_second"] for each in rounds]
    latencies = np.concatenate([each["latencies"] for each in rounds])
    return {
        "requests_per_second": {"min": min(rates), "max": max(rates), "median": statistics.median(rates)},
        "latency_ms": {f"p{share}": float(1000 * np.percentile(latencies, share)) for share in (50, 99)},
        "cpu_ms_per_request": statistics.median(each["cpu_ms_per_request"] for each in rounds),
    }


def _to_best_peer(servers: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return how many times as many requests deepchord answers as the peer that answers most."""
    rates = {name: each["requests_per_second"]["median"] for name, each in servers.items()}
    ours = rates.pop("deepchord")
    best = max(rates, key=lambda name: rates[name])
    return {"best": best, "times": ours / rates[best]}


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", default=sys.executable)
    parser.add_argument("--json", type=Path)
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
