# SPDX-License-Identifier: MIT
"""sink - an SMTP server that keeps what it gets"""

import collections
import socketserver
import threading

Message = collections.namedtuple("Message", "sender recipients data")


class Session(socketserver.StreamRequestHandler):
    """One connection."""

    timeout = 30

    def say(self, *lines):
        for line in lines:
            self.wfile.write(line.encode() + b"\r\n")

    def handle(self):
        self.sender, self.recipients = None, []
        self.say("220 localhost ESMTP sink")
        for line in self.rfile:
            verb = line.decode("utf-8", "replace").strip().upper()
            if verb.startswith("EHLO"):
                self.say("250-localhost", "250-PIPELINING", "250-8BITMIME", "250 SIZE 10000000")
            elif verb.startswith("MAIL FROM:"):
                self.sender = self.address(line)
                self.say("250 2.1.0 ok")
            elif verb.startswith("RCPT TO:"):
                self.recipients.append(self.address(line))
                self.say("250 2.1.5 ok")
            elif verb == "DATA":
                self.say("354 go on")
                self.data()
            elif verb == "QUIT":
                self.say("221 2.0.0 bye")
                return
            else:
                self.say("250 2.0.0 ok")    # HELO, RSET, NOOP

    def data(self):
        text = b""
        for line in self.rfile:
            if line == b".\r\n":
                break
            text += line[1:] if line.startswith(b".") else line
        self.server.keep(Message(self.sender, self.recipients, text.decode("utf-8", "replace")))
        self.sender, self.recipients = None, []
        self.say("250 2.0.0 kept")

    @staticmethod
    def address(line):
        return line.decode().partition("<")[2].partition(">")[0]


class Sink(socketserver.ThreadingTCPServer):
    """The server, in a thread of its own; listens once it is made."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, env):
        super().__init__(("127.0.0.1", 0), Session)
        self.port = self.server_address[1]
        self.messages = []
        self.changed = threading.Condition()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        env.cleanup(self.stop)

    def keep(self, message):
        with self.changed:
            self.messages.append(message)
            self.changed.notify_all()

    def wait(self, count=1, timeout=20):
        """Wait for `count` messages in all; returns them."""
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.messages) >= count, timeout):
                raise AssertionError(f"{len(self.messages)} of {count} messages after {timeout} s")
            return list(self.messages)

    def stop(self):
        self.shutdown()
        self.server_close()
