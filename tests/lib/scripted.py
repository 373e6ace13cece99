# SPDX-License-Identifier: MIT
"""scripted - servers that say to every login what they are told: IMAP, POP3, SMTP, LDAP, svn

They speak as much of their protocol as it takes to log in and to leave.
"""

import base64
import re
import socketserver
import ssl
import sys
import threading
import time

from env import wait_for

MECHANISMS = "XOAUTH2 OAUTHBEARER"
PATTERNS = {"XOAUTH2": rb"user=(.*?)\x01auth=Bearer (.*?)\x01\x01",
            "OAUTHBEARER": rb"n,(?:a=(.*?))?,\x01(?:\w+=[^\x01]*\x01)*?auth=Bearer (.*?)\x01\x01"}


def encode(data):
    return base64.b64encode(data)


def decode(text):
    """What that is in base64; of no use when it is not."""
    try:
        return base64.b64decode(text)
    except ValueError:
        return b"?"


class Session(socketserver.StreamRequestHandler):
    """One connection; a protocol defines hello(), ask() and serve()."""

    timeout = 30
    prompt = b"+ "

    def setup(self):
        if self.server.tls == "at once":
            self.start_tls()
        else:
            super().setup()

    def start_tls(self):
        self.request = self.server.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def say(self, *lines):
        for line in lines:
            self.wfile.write((line if isinstance(line, bytes) else line.encode()) + b"\r\n")

    def hear(self):
        line = self.rfile.readline()
        if line:
            self.server.lines.append(line.decode("utf-8", "replace").strip())
        return line.strip()

    def ask(self, challenge):
        """Send a challenge; returns what is answered."""
        self.say(self.prompt + encode(challenge))
        return decode(self.hear())

    def login(self, mechanism, response):
        """Decide about a login that has begun; returns whether it is good.

        response  what came with the command, None if nothing did
        """
        if response is None:
            response = self.ask(b"")
        good = self.server.judge(mechanism, response)
        if not good and self.server.challenge:
            self.server.answers.append(self.ask(self.server.challenge.encode()))
        return good

    def initial(self, words):
        return decode(words[0]) if words else None


class Imap(Session):
    """An IMAP server."""

    def handle(self):
        self.say("* OK scripted")
        while line := self.hear().decode():
            tag, verb, *rest = line.split()
            if verb.upper() == "CAPABILITY":
                names = " ".join(f"AUTH={name}" for name in self.server.mechanisms.split())
                self.say(f"* CAPABILITY IMAP4rev1 SASL-IR {names}", f"{tag} OK done")
            elif verb.upper() == "AUTHENTICATE":
                good = self.login(rest[0].upper(), self.initial(rest[1:]))
                self.say(f"{tag} OK welcome" if good else f"{tag} {self.server.verdict}")
            elif verb.upper() == "LOGOUT":
                self.say("* BYE", f"{tag} OK bye")
                return
            else:
                self.say(f"{tag} BAD what?")


class Pop(Session):
    """A POP3 server."""

    def handle(self):
        self.say("+OK scripted")
        while line := self.hear().decode():
            verb, *rest = line.split()
            if verb.upper() == "CAPA":
                self.say("+OK", f"SASL {self.server.mechanisms}", ".")
            elif verb.upper() == "AUTH":
                good = self.login(rest[0].upper(), self.initial(rest[1:]))
                self.say("+OK welcome" if good else self.server.verdict)
            elif verb.upper() == "QUIT":
                self.say("+OK bye")
                return
            else:
                self.say("-ERR what?")


class Smtp(Session):
    """An SMTP server; with tls = "starttls" AUTH is offered after that only."""

    prompt = b"334 "

    def handle(self):
        server, reply = self.server, ""
        self.say("220 localhost ESMTP scripted")
        while line := self.hear().decode():
            verb, *rest = line.split()
            secure = isinstance(self.request, ssl.SSLSocket)
            if verb.upper() == "EHLO":
                more = "STARTTLS" if server.tls and not secure else f"AUTH {server.mechanisms}"
                self.say("250-localhost", f"250-{more}", "250 SIZE 10000000")
            elif verb.upper() == "STARTTLS":
                self.say("220 go on")
                self.start_tls()
            elif verb.upper() == "AUTH":
                good = self.login(rest[0].upper(), self.initial(rest[1:]))
                reply = "235 2.7.0 welcome" if good else server.verdict
                self.say(reply)
            elif verb.upper() == "MAIL" and not reply.startswith("235"):
                self.say("530 5.7.57 Client not authenticated to send mail.")
            elif verb.upper() == "DATA":
                self.say("354 go on")
                while self.hear() != b".":
                    pass
                self.say("250 2.0.0 kept")
            elif verb.upper() == "QUIT":
                self.say("221 2.0.0 bye")
                return
            else:
                self.say("250 2.0.0 ok")


class Lmtp(Smtp):
    """LMTP is SMTP by another greeting, as long as there is one recipient."""

    def hear(self):
        return super().hear().replace(b"LHLO", b"EHLO")


def ber(tag, *parts):
    """A BER element."""
    body = b"".join(parts)
    size = len(body).to_bytes(4, "big")
    return bytes([tag, 0x84]) + size + body


def elements(data):
    """The (tag, contents) of BER elements one after the other."""
    while data:
        size, begin = data[1], 2
        if size & 0x80:
            begin += size & 0x7f
            size = int.from_bytes(data[2:begin], "big")
        yield data[0], data[begin:begin + size]
        data = data[begin + size:]


class Ldap(Session):
    """An LDAP server (RFC 4511): nothing is in it."""

    BIND, UNBIND, PASSWORD, IN_PROGRESS, INVALID_CREDENTIALS = 0x60, 0x42, 0x80, 14, 49
    REPLIES = {0x63: 0x65}          # search -> done

    def hear(self):
        """The next request: (tag, contents); sets the number to answer to."""
        head = self.rfile.read(2)
        if len(head) < 2:
            return self.UNBIND, b""
        size = head[1]
        if size & 0x80:
            size = int.from_bytes(self.rfile.read(size & 0x7f), "big")
        (_, self.number), (tag, body), *_ = elements(self.rfile.read(size))
        self.server.lines.append(f"LDAP {tag:#x}")
        return tag, body

    def reply(self, tag, code, text=b"", *more):
        self.wfile.write(ber(0x30, ber(2, self.number), ber(
            tag, ber(10, bytes([code])), ber(4), ber(4, text), *more)))

    def bind(self, body):
        """What a bind by SASL says: (mechanism, response or None)."""
        *_, (_, sasl) = elements(body)
        mechanism, *response = [value for _, value in elements(sasl)]
        return mechanism.decode(), response[0] if response else None

    def ask(self, challenge):
        self.reply(self.BIND + 1, self.IN_PROGRESS, b"", ber(0x87, challenge))
        *_, (tag, answer) = elements(self.hear()[1])
        # libldap 2.5 forgets the mechanism once it is done, and makes a password of the answer
        return answer if tag == self.PASSWORD else list(elements(answer))[-1][1]

    def handle(self):
        while (request := self.hear())[0] != self.UNBIND:
            tag, body = request
            if tag == self.BIND:
                good = self.login(*self.bind(body))
                words = b"" if good else self.server.verdict.encode()
                self.reply(tag + 1, 0 if good else self.INVALID_CREDENTIALS, words)
            else:
                self.reply(self.REPLIES.get(tag, 0x78), 0)


class Svn(Session):
    """A server of Subversion's own protocol, with no repository."""

    def say(self, *lines):
        self.wfile.write(" ".join(lines).encode() + b" ")

    def hear(self):
        """The next list, as text."""
        text, depth = "", 0
        while not text.strip() or depth:
            byte = self.rfile.read(1).decode()
            if not byte:
                return ""
            depth += {"(": 1, ")": -1}.get(byte, 0)
            text += byte
            if length := re.search(r"(?<!\S)(\d+):$", text):
                text += self.rfile.read(int(length.group(1))).decode()
        self.server.lines.append(text.strip())
        return text.strip()

    @staticmethod
    def string(text):
        return f"{len(text)}:{text}"

    def ask(self, challenge):
        self.say(f"( step ( {self.string(encode(challenge).decode())} ) )")
        byte, size = self.rfile.read(1), b""
        while byte != b":":             # a string of its own, not in a list
            size, byte = size + byte, self.rfile.read(1)
        return decode(self.rfile.read(int(size)))

    def handle(self):
        self.say("( success ( 2 2 ( ) ( edit-pipeline svndiff1 ) ) )")
        self.hear()
        self.say(f"( success ( ( {self.server.mechanisms} ) {self.string('scripted')} ) )")
        while line := self.hear():
            mechanism, response = re.match(r"\( (\S+) \( (?:\d+:([\w+/=\n]+))?", line).groups()
            if not self.login(mechanism, self.initial([response] * bool(response))):
                self.say(f"( failure ( {self.string(self.server.verdict)} ) )")
                continue
            words = self.string("there is no repository here")
            self.say("( success ( ) )", f"( failure ( ( 170000 {words} 0: 0 ) ) )")


class Scripted(socketserver.ThreadingTCPServer):
    """A server, in a thread of its own; listens once it is made.

    session     Imap, Pop, Smtp, Lmtp, Ldap or Svn
    oauth       an OAuthServer: a login with a token that it gave for that user is good;
                None: no login is
    any_user    a good token is good for every user name
    verdict     what it says in the end when a login is no good
    challenge   what it asks before that, None for nothing
    tls         "at once", "starttls" (SMTP only) or None
    lines       what was received; answers: what came after the challenge
    log()       its log, in which a good login looks as in Dovecot's
    """

    daemon_threads = True

    def __init__(self, env, session, oauth=None, any_user=False, verdict="", challenge=None,
                 tls="at once", mechanisms=MECHANISMS):
        super().__init__(("127.0.0.1", 0), session)
        self.port = self.server_address[1]
        self.oauth, self.any_user = oauth, any_user
        self.verdict, self.challenge, self.mechanisms = verdict, challenge, mechanisms
        self.tls, self.lines, self.answers, self.events = tls, [], [], []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(env.tls().cert, env.tls().key)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        env.cleanup(self.stop)

    def judge(self, mechanism, response):
        """Whether a login is good."""
        match = re.fullmatch(PATTERNS[mechanism], response)
        user, token = (part.decode() for part in match.groups()) if match else ("?", "")
        grant, end = self.oauth.access.get(token, (None, 0)) if self.oauth else (None, 0)
        good = grant and time.time() < end and (self.any_user or grant.user == user)
        self.events.append(f"{'' if good else 'refused: '}user=<{user}>, method={mechanism}")
        return good

    def handle_error(self, request, client_address):
        self.events.append(repr(sys.exc_info()[1]))     # most often it hung up

    def shutdown_request(self, request):
        self.events.append("closed")
        super().shutdown_request(request)

    def stop(self):
        self.shutdown()
        self.server_close()

    def log(self):
        """Its log."""
        return "".join(f"{event}\n" for event in self.events)

    def wait_log(self, pattern, since=0, timeout=10):
        """Wait for a match of a regular expression in the log; returns all from `since` on."""
        wait_for(lambda: re.search(pattern, self.log()[since:], re.M), timeout,
                 f"{pattern!r} in {self.log()[since:]!r}")
        return self.log()[since:]

    def wait_login(self, user, mechanism, since=0):
        """Wait until the log has a user's login by that mechanism."""
        self.wait_log(f"^user=<{re.escape(user)}>, method={mechanism}", since)


class Smarthost(Scripted):
    """An SMTP or LMTP server that says `verdict` to every login, without a look at it."""

    def __init__(self, env, verdict="235 2.7.0 welcome", session=Smtp, tls="starttls", **how):
        super().__init__(env, session, verdict=verdict, tls=tls, **how)

    def logins(self):
        """The AUTH commands."""
        return [line for line in self.lines if line.startswith("AUTH")]

    def responses(self):
        """What came with AUTH, or after it."""
        last = [line.rpartition(" ")[2] for line in self.lines]
        return [base64.b64decode(word) for word in last if len(word) > 100]

    def assert_nothing_sent(self):
        """It was talked to, but no login was begun."""
        assert any(line.startswith(("EHLO", "LHLO")) for line in self.lines), self.lines
        assert not self.logins(), self.lines
