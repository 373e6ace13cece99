# SPDX-License-Identifier: MIT
"""assertions - what a provider demands of a signed JWT, RFC 7523: who asks, and for whom

Application, Federated and ServiceAccount are values of Provider.clients and
Provider.service_accounts.  They check the signature, by the openssl command, and every
claim.  jwt_sign() makes what they take, and what they must not take.
"""

import json
import tempfile
import time

import keys
from provider import OAuthError, PlainError

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LEEWAY = 5      # seconds that clocks may differ
TOO_LONG = ("Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable "
            "timeframe. Check your iat and exp values in the JWT claim.")
NOT_ALLOWED = ("Client is unauthorized to retrieve access tokens using this method, or client "
               "not authorized for any of the scopes requested.")


def jwt_sign(header, claims, key):
    """A JWT, signed as its header says (RS256 or PS256) with a private key in PEM."""
    padding = keys.PSS if header["alg"] == "PS256" else ()
    text = ".".join(keys.base64url(json.dumps(part).encode()) for part in (header, claims))
    with tempfile.NamedTemporaryFile() as f:
        f.write(text.encode())
        f.flush()
        signature = keys.openssl("dgst", "-sha256", *padding, "-sign", key, f.name)
    return f"{text}.{keys.base64url(signature)}"


def jwt_read(jwt):
    """Header and claims, not verified; ({}, {}) if it is no JWT."""
    try:
        header, claims = (json.loads(keys.unbase64url(part)) for part in jwt.split(".")[:2])
        return dict(header), dict(claims)
    except (AssertionError, TypeError, ValueError):
        return {}, {}


def verifies(jwt, public):
    """Whether the key of this public half signed it."""
    try:
        keys.jwt_verify(jwt, public)
    except (AssertionError, ValueError):
        return False
    return True


class Certificate:
    """A certificate as it is registered: its public key, and what headers call it."""

    def __init__(self, path):
        self.public = path + ".public"
        with open(self.public, "wb") as f:
            f.write(keys.openssl("x509", "-in", path, "-noout", "-pubkey"))
        self.headers = [
            {"alg": "PS256", "typ": "JWT", "x5t#S256": keys.thumbprint(path)},
            {"alg": "RS256", "typ": "JWT", "x5t": keys.thumbprint(path, "sha1")}]

    def jwk(self):
        """The public key as RFC 7517 has it."""
        text = keys.openssl("rsa", "-pubin", "-in", self.public, "-noout", "-text").decode()
        modulus = keys.openssl("rsa", "-pubin", "-in", self.public, "-noout", "-modulus")
        exponent = int(text.partition("Exponent: ")[2].split()[0])
        modulus = bytes.fromhex(modulus.decode().partition("=")[2].strip())
        return {"kty": "RSA", "use": "sig", "n": keys.base64url(modulus),
                "e": keys.base64url(exponent.to_bytes(3, "big"))}


class Application:
    """A client that proves itself by a key.  register() may be called at any time."""

    def __init__(self, *certificates):
        self.certificates = []
        self.seen = set()       # jti
        self.register(*certificates)

    def register(self, *certificates):
        """These are the certificates from now on: paths."""
        self.certificates = [Certificate(path) for path in certificates]

    def prove(self, form, client_id, endpoint):
        """Raise unless the form's assertion is good for `client_id` at `endpoint`."""
        if form.get("client_assertion_type") != TYPE:
            raise OAuthError("needs_secret")
        jwt = form["client_assertion"]
        header, claims = jwt_read(jwt)
        known = next((c for c in self.certificates if header in c.headers), None)
        if not known:
            raise OAuthError("unknown_certificate" if header else "bad_jwt")
        if not verifies(jwt, known.public):
            raise OAuthError("bad_signature")
        if claims.get("iss") != client_id or claims.get("sub") != client_id:
            raise OAuthError("other_application")
        if claims.get("aud") != endpoint:
            raise OAuthError("bad_audience")
        begin, end, now = claims.get("nbf", 0), claims.get("exp", 0), time.time()
        if not now - 600 < begin < now + LEEWAY or not now < end <= begin + 600:
            raise OAuthError("bad_times")
        if not claims.get("jti") or claims["jti"] in self.seen:
            raise OAuthError("bad_jwt")
        self.seen.add(claims["jti"])


class Federated:
    """A client that a trusted platform vouches for: a federated identity credential.

    issuer, subject, audience  of the platform's assertions
    public                     path of the key that verifies them
    """

    def __init__(self, issuer, subject, audience, public):
        self.claims = {"iss": issuer, "sub": subject, "aud": audience}
        self.public = public

    def prove(self, form, _client_id, _endpoint):
        """Raise unless the form's assertion is the platform's, about this client."""
        if form.get("client_assertion_type") != TYPE:
            raise OAuthError("needs_secret")
        jwt = form["client_assertion"]
        header, claims = jwt_read(jwt)
        if not header:
            raise OAuthError("bad_jwt")
        for name, value in self.claims.items():
            if claims.get(name) != value:
                raise OAuthError(f"federated_{name}")
        if not verifies(jwt, self.public):
            raise OAuthError("bad_signature")
        if claims.get("exp", 0) <= time.time():
            raise OAuthError("bad_times")


class ServiceAccount:
    """A service account of Google's kind, with domain-wide delegation.

    file    its JSON key file
    domain  whose mailboxes it may act for
    scopes  that it was allowed
    gone    mailboxes of the domain that do not exist
    """

    def __init__(self, file, domain, scopes, gone=()):
        with open(file, encoding="utf-8") as f:
            fields = json.load(f)
        self.email = fields["client_email"]
        self.header = {"alg": "RS256", "typ": "JWT", "kid": fields["private_key_id"]}
        self.public = file + ".public"
        with tempfile.NamedTemporaryFile("w", encoding="ascii") as f:
            f.write(fields["private_key"])
            f.flush()
            keys.public_key(f.name, self.public)
        self.domain, self.scopes, self.gone = domain, set(scopes), set(gone)

    def grant(self, jwt, endpoint):
        """Raise unless the assertion is good; returns (mailbox, scope)."""
        header, claims = jwt_read(jwt)
        if header != self.header or not verifies(jwt, self.public):
            raise PlainError(400, "invalid_grant", "Invalid JWT Signature.")
        if claims.get("aud") != endpoint:
            raise PlainError(400, "invalid_grant", "Invalid JWT: Failed audience check.")
        begin, end, now = claims.get("iat", 0), claims.get("exp", 0), time.time()
        if not now - 3600 < begin < now + LEEWAY or not now < end <= begin + 3600:
            raise PlainError(400, "invalid_grant", TOO_LONG)
        scope, mailbox = claims.get("scope", ""), claims.get("sub", "")
        if not scope or not set(scope.split()) <= self.scopes:
            raise PlainError(401, "unauthorized_client", NOT_ALLOWED)
        if not mailbox.lower().endswith("@" + self.domain) or mailbox.lower() in self.gone:
            raise PlainError(400, "invalid_grant", "Invalid email or User ID")
        return mailbox, scope
