#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""oauthd - a scriptable OAuth 2.0 server that speaks Microsoft's dialect

In a test:

    server = OAuthServer(tls=env.tls()).start()
    server.script("token", Reply(503, headers={"Retry-After": "7"}), None, Reply(silent=True))
    server.seen("token")[-1].form["grant_type"]

Without a script it is a working provider (provider.Provider); its options are keyword
arguments and attributes.  Alone it prints its address and runs until it is killed:

    oauthd.py [--port N] [--cert FILE --key FILE] [--option NAME=VALUE]...
"""

import argparse
import collections
import json as jsonlib
import select
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from provider import Provider

# what the last component of a path is called here
KINDS = {
    "token": "token", "devicecode": "devicecode", "authorize": "authorize", "auth": "authorize",
    "introspect": "introspect", "revoke": "revoke",
    "openid-configuration": "metadata", "oauth-authorization-server": "metadata",
}


class Reply:
    """What to answer.

    status, headers  of HTTP; the content type is JSON unless headers say otherwise; a list of
                     values is a header line for each
    json, body       the content: a value, or bytes or text as they are
    megabytes        this much filler instead
    delay            seconds before the answer
    silent           read the request and never answer
    drip             seconds between two bytes of the body
    reset            connection reset in the middle of the body
    close            end of file instead of an answer
    raw              these bytes, head and all, instead of an answer; then end of file
    """

    def __init__(self, status=200, json=None, body=b"", headers=None, megabytes=0, delay=0,
                 silent=False, drip=0, reset=False, close=False, raw=None):
        self.status, self.headers = status, dict(headers or {})
        self.body = body.encode() if isinstance(body, str) else body
        if json is not None:
            self.body = jsonlib.dumps(json).encode()
        self.megabytes, self.delay, self.drip = megabytes, delay, drip
        self.silent, self.reset, self.close, self.raw = silent, reset, close, raw

    @classmethod
    def error(cls, error, description="", status=400, **members):
        """An OAuth error."""
        return cls(status, json={"error": error, "error_description": description, **members})


Request = collections.namedtuple(
    "Request", "kind method path query headers body form pairs time")
Request.__doc__ = """A request that was seen.

    kind     token, devicecode, authorize, introspect, revoke, metadata or the path
    headers  names in lower case
    form     the decoded form; pairs is the same as a list, with what was sent twice
    time     time.monotonic() of its arrival
"""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def setup(self):
        if self.server.oauth.mute:
            self.server.oauth.wait_for_eof(self.request)
            raise ConnectionAbortedError("mute")
        super().setup()

    def do_GET(self):
        oauth = self.server.oauth
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        path, _, query = self.path.partition("?")
        text = body.decode("utf-8", "replace")
        pairs = urllib.parse.parse_qsl(text, keep_blank_values=True)
        kind = KINDS.get(path.rpartition("/")[2], path)
        request = Request(kind, self.command, path, dict(urllib.parse.parse_qsl(query)),
                          {name.lower(): value for name, value in self.headers.items()},
                          body, dict(pairs), pairs, time.monotonic())
        self.answer(oauth.reply_to(request))

    do_POST = do_PUT = do_DELETE = do_GET

    def answer(self, reply):
        oauth = self.server.oauth
        if reply.delay:
            oauth.stopping.wait(reply.delay)
        if reply.silent:
            oauth.wait_for_eof(self.connection)
        if reply.silent or reply.close:
            self.close_connection = True
            return
        if reply.raw is not None:
            self.close_connection = True
            self.wfile.write(reply.raw)
            return
        size = reply.megabytes << 20 or len(reply.body)
        self.send_response(reply.status)
        headers = {"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store",
                   "Content-Length": str(size), **reply.headers}
        for name, value in headers.items():
            for one in value if isinstance(value, list) else [value]:
                if one is not None:
                    self.send_header(name, one)
        self.end_headers()
        self.send_body(reply)

    def send_body(self, reply):
        if reply.reset:
            self.wfile.write(reply.body[:len(reply.body) // 2])
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                       struct.pack("ii", 1, 0))
            self.close_connection = True
        elif reply.drip:
            for byte in reply.body:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                if self.server.oauth.stopping.wait(reply.drip):
                    break
        elif reply.megabytes:
            for _ in range(reply.megabytes):
                self.wfile.write(b" " * (1 << 20))
        else:
            self.wfile.write(reply.body)

    def log_message(self, format, *args):
        self.server.oauth.say(format % args)


class Server(ThreadingHTTPServer):
    """The listening socket; TLS is negotiated in the connection's own thread."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address, oauth, context):
        self.oauth, self.context = oauth, context
        super().__init__(address, Handler)

    def finish_request(self, request, client_address):
        with self.oauth.changed:
            self.oauth.connections += 1
        if self.context and not self.oauth.mute:
            request.settimeout(30)
            with self.context.wrap_socket(request, server_side=True) as wrapped:
                super().finish_request(wrapped, client_address)
                if wrapped.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)[:1] == b"\1":
                    return
                try:
                    wrapped.unwrap()
                except (OSError, ValueError):
                    pass
        else:
            super().finish_request(request, client_address)

    def handle_error(self, request, client_address):
        self.oauth.say(f"connection: {sys.exc_info()[1]!r}")


class OAuthServer(Provider):
    """The server.

    tls       certs.Certificates, or a (cert, key) pair of paths; None for plain HTTP
    port      0: any; it stays the same after stop() and start()
    host      the name in url: "127.0.0.1" or "localhost"
    log       a file to write a line per request to
    options   of provider.Provider
    """

    def __init__(self, tls=None, port=0, host="127.0.0.1", log=None, **options):
        self.context = None
        if tls:
            pair = tls if isinstance(tls, tuple) else (tls.cert, tls.key)
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*pair)
        self.host, self.port, self.log = host, port, log
        self.mute = False           # accept connections and say nothing, not even TLS
        self.connections = 0        # so far, whatever became of them
        self.requests = []
        self.changed = threading.Condition()
        self.scripts = collections.defaultdict(collections.deque)
        self.handlers = {}
        self.stopping = threading.Event()
        self.server = None
        super().__init__(**options)

    @property
    def url(self):
        """Where it is, without a slash at the end."""
        return f"{'https' if self.context else 'http'}://{self.host}:{self.port}"

    def endpoint(self, kind, tenant="common"):
        """The address of an endpoint."""
        return f"{self.url}/{tenant}/oauth2/v2.0/{kind}"

    @property
    def identity_endpoint(self):
        """The address of the metadata service."""
        return f"{self.url}/metadata/identity/oauth2/token"

    def start(self):
        """Listen; returns self."""
        self.stopping.clear()
        self.server = Server(("127.0.0.1", self.port), self, self.context)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self):
        """Stop listening: connections are refused from now on."""
        if self.server:
            self.stopping.set()
            self.server.shutdown()
            self.server.socket.close()
            self.server = None

    def script(self, kind, *replies):
        """Queue replies, one per request of that kind; None means the usual answer."""
        self.scripts[kind].extend(replies)

    def always(self, kind, reply):
        """Answer every request of that kind with a Reply or what reply(request) returns.

        None, given or returned, means the usual answer.  The queue comes first.
        """
        self.handlers[kind] = reply

    def hold(self, kind):
        """Keep requests of that kind waiting until the event that is returned is set."""
        go = threading.Event()

        def wait(_request):
            go.wait(30)
        self.always(kind, wait)
        return go

    def seen(self, kind=None):
        """The requests of that kind so far, oldest first."""
        with self.changed:
            return [r for r in self.requests if kind in (None, r.kind)]

    def wait_seen(self, kind, count=1, timeout=10):
        """Wait until there were `count` requests of that kind; returns them."""
        def enough():
            return sum(r.kind == kind for r in self.requests) >= count
        with self.changed:
            if not self.changed.wait_for(enough, timeout):
                raise AssertionError(f"fewer than {count} {kind} requests after {timeout} s: "
                                     f"{[r.path for r in self.requests]}")
        return self.seen(kind)

    def forget(self):
        """Empty the list of requests, the queues and the handlers."""
        with self.changed:
            self.requests.clear()
            self.scripts.clear()
            self.handlers.clear()

    def reply_to(self, request):
        with self.changed:
            self.requests.append(request)
            queue = self.scripts[request.kind]
            reply = queue.popleft() if queue else self.handlers.get(request.kind)
            self.changed.notify_all()
        if callable(reply):
            reply = reply(request)
        if reply is None:
            status, value = self.serve(request)
            reply = Reply(status, json=value)
            if "location" in value:
                reply = Reply(302, headers={"Location": value["location"]})
        return reply

    def wait_for_eof(self, connection):
        """Keep a connection until the other side closes it or the server stops."""
        while not self.stopping.is_set():
            readable, _, _ = select.select([connection], [], [], 0.1)
            try:
                if readable and not connection.recv(4096):
                    return
            except OSError:
                return

    def say(self, text):
        if self.log:
            with open(self.log, "a", encoding="utf-8") as f:
                f.write(f"{time.strftime('%H:%M:%S')} {text}\n")


def main():
    parser = argparse.ArgumentParser(description="a scriptable OAuth 2.0 server")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE")
    args = parser.parse_args()
    options = dict(option.split("=", 1) for option in args.option)
    for name, value in options.items():
        try:
            options[name] = jsonlib.loads(value)
        except ValueError:
            pass
    tls = (args.cert, args.key) if args.cert else None
    server = OAuthServer(tls, args.port, log="/dev/stderr", **options).start()
    print(server.url, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
