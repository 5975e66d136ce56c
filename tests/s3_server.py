"""moto's S3 server over TLS, as `python -m tests.s3_server ADDRESS PORT CERTIFICATE KEY`.

Its own command greets one client after the other: a host that is lost between connecting and its first word keeps all
others waiting. No S3 service does that. Here each client is greeted by the thread that serves it.
"""

import ssl
import sys

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server


def main(address: str, port: str, certificate: str, key: str) -> None:
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server(address, int(port), application, threaded=True, ssl_context=(certificate, key))
    assert isinstance(server.socket, ssl.SSLSocket)
    server.socket.do_handshake_on_connect = False  # the first read does it
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
