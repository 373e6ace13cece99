# SPDX-License-Identifier: MIT
"""joiner - in front of an IMAPS port, a server that passes only whole lines on

Dovecot 2.3 can overlook a CRLF that comes in a TLS record of its own, and then waits for
ever.  Python's imaplib sends them so, and with it getmail and OfflineIMAP.
"""

import socket
import socketserver
import ssl
import threading


class Session(socketserver.BaseRequestHandler):
    """One connection."""

    def handle(self):
        server = self.server
        with server.inside.wrap_socket(self.request, server_side=True) as near, \
                server.outside.wrap_socket(socket.create_connection(("127.0.0.1", server.behind)),
                                           server_hostname="localhost") as far:
            back = threading.Thread(target=self.copy, args=(far, near), daemon=True)
            back.start()
            self.copy(near, far, lines=True)
            back.join()

    @staticmethod
    def copy(source, sink, lines=False):
        held = b""
        try:
            while data := source.recv(65536):
                held += data
                if not lines or held.endswith(b"\r\n"):
                    sink.sendall(held)
                    held = b""
            sink.sendall(held)
            sink.shutdown(socket.SHUT_WR)
        except OSError:     # gone: so is the other one
            sink.close()


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
