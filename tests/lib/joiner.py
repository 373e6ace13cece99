# SPDX-License-Identifier: MIT
"""joiner - in front of an IMAPS port, a server that passes only whole lines on

Dovecot 2.3 can overlook a CRLF that comes in a TLS record of its own, and then waits for
ever.  Python's imaplib sends them so, and with it getmail and OfflineIMAP.
"""

import contextlib
import select
import socket
import socketserver
import ssl
import threading


class Session(socketserver.BaseRequestHandler):
    """One connection, in one thread: two may not use a TLS connection at the same time."""

    def handle(self):
        server = self.server
        with server.inside.wrap_socket(self.request, server_side=True) as near, \
                server.outside.wrap_socket(socket.create_connection(("127.0.0.1", server.behind)),
                                           server_hostname="localhost") as far:
            held = b""
            with contextlib.suppress(OSError, EOFError):    # whoever has gone
                while True:
                    select.select([near, far], [], [])
                    near.sendall(self.take(far))
                    held += self.take(near)
                    if held.endswith(b"\r\n"):
                        far.sendall(held)
                        held = b""

    @staticmethod
    def take(source):
        """All that there is, without waiting; raises EOFError at the end."""
        data = b""
        source.settimeout(0)
        try:
            while part := source.recv(65536):
                data += part
            if not data:
                raise EOFError
        except ssl.SSLWantReadError:
            pass
        finally:
            source.settimeout(None)
        return data


class Joiner(socketserver.ThreadingTCPServer):
    """The server, in a thread of its own; the attribute port is where it listens."""

    daemon_threads = True

    def __init__(self, env, behind):
        super().__init__(("127.0.0.1", 0), Session)
        self.port, self.behind = self.server_address[1], behind
        self.inside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.inside.load_cert_chain(env.tls().cert, env.tls().key)
        self.outside = env.tls().client()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        env.cleanup(self.stop)

    def stop(self):
        self.shutdown()
        self.server_close()
