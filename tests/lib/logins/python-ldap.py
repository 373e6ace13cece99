#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""python-ldap - bind to an LDAP server with python-ldap

usage: python-ldap.py ldap PORT USER MECHANISM AUTHZID CAFILE

Prints "ok" or "no" and what went wrong.
"""

import sys

import ldap
import ldap.sasl


def main(_service, port, user, mechanism, authzid, ca):
    server = ldap.initialize(f"ldaps://127.0.0.1:{port}")
    server.set_option(ldap.OPT_X_TLS_CACERTFILE, ca)
    server.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    server.set_option(ldap.OPT_X_SASL_NOCANON, ldap.OPT_ON)
    names = {ldap.sasl.CB_AUTHNAME: user}
    if authzid:
        names[ldap.sasl.CB_USER] = authzid
    try:
        server.sasl_interactive_bind_s("", ldap.sasl.sasl(names, mechanism))
    except ldap.LDAPError as e:
        print("no", e.args[0].get("desc"), e.args[0].get("info"))
        return 1
    print("ok")
    return 0


sys.exit(main(*sys.argv[1:]))
