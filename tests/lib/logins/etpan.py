#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""etpan - log in through libetpan, as a mail program that is built on it does

usage: etpan.py imap|pop|smtp PORT USER MECHANISM AUTHZID

Prints "ok" or "no", libetpan's code and the server's last words.
"""

import ctypes
import ctypes.util
import sys

CREATE = {"imap": "mailimap_new", "pop": "mailpop3_new", "smtp": "mailsmtp_new"}
CONNECT = {"imap": "mailimap_ssl_connect", "pop": "mailpop3_ssl_connect",
           "smtp": "mailsmtp_ssl_connect"}
LOGIN = {"imap": "mailimap_authenticate", "pop": "mailpop3_auth", "smtp": "mailesmtp_auth_sasl"}
WORDS = ("words", ctypes.c_char_p)      # of the server, in libetpan's structures
AHEAD = {"smtp": [("stream", ctypes.c_void_p), ("rate", ctypes.c_size_t),
                  ("progress", ctypes.c_void_p)]}


def main(service, port, user, mechanism, authzid):
    class Session(ctypes.Structure):
        """How libetpan's session begins."""
        _fields_ = [*AHEAD.get(service, []), WORDS]

    lib = ctypes.CDLL(ctypes.util.find_library("etpan"))
    new = getattr(lib, CREATE[service])
    new.restype = ctypes.POINTER(Session)
    session = new(ctypes.c_size_t(0), None)
    getattr(lib, CONNECT[service])(session, b"localhost", ctypes.c_uint16(int(port)))
    if service == "smtp":
        lib.mailesmtp_ehlo(session)
    # the password may not be NULL: libetpan takes its length
    code = getattr(lib, LOGIN[service])(
        session, mechanism.encode(), b"localhost", None, None, (authzid or user).encode(),
        user.encode(), b"", None)
    print("no" if code else "ok", code, (session.contents.words or b"").decode())
    return 1 if code else 0


sys.exit(main(*sys.argv[1:]))
