# SPDX-License-Identifier: MIT
"""provider - what a provider of Microsoft's kind decides, without the HTTP

Grants are families: the refresh token, its successors and their access tokens.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
import urllib.parse
import uuid

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"

# error -> (AADSTS number, its text, HTTP status)
AADSTS = {
    "authorization_pending": (70016, "OAuth 2.0 device flow error. Authorization is pending. "
                              "Continue polling.", 400),
    "slow_down": (50196, "The server terminated an operation because it encountered a client "
                  "request loop.", 400),
    "authorization_declined": (65004, "User declined to consent to access the app.", 400),
    "expired_token": (70020, "The provided value for the input parameter 'device_code' is not "
                      "valid. This device code has expired.", 400),
    "bad_verification_code": (70018, "The verification code is incorrect.", 400),
    "invalid_grant": (70008, "The provided authorization code or refresh token has expired due "
                      "to inactivity. Send a new interactive authorization request for this "
                      "user and resource.", 400),
    "revoked": (50173, "The provided grant has expired due to it being revoked, a fresh auth "
                "token is needed.", 400),
    "unknown_client": (700016, "Application was not found in the directory.", 400),
    "invalid_client": (7000215, "Invalid client secret provided. Ensure the secret being sent in "
                       "the request is the client secret value, not the client secret ID.", 401),
    "public_client": (700025, "Client is public so neither 'client_assertion' nor "
                      "'client_secret' should be presented.", 401),
    "needs_secret": (7000218, "The request body must contain the following parameter: "
                     "'client_assertion' or 'client_secret'.", 401),
    "invalid_request": (900144, "The request body must contain a parameter that is missing.", 400),
    "invalid_scope": (70011, "The provided request must include a 'scope' input parameter. The "
                      "provided value for the input parameter 'scope' is not valid.", 400),
    "unsupported_grant_type": (70003, "The app requested an unsupported grant type.", 400),
    # of assertions
    "bad_jwt": (50027, "JWT token is invalid or malformed.", 400),
    "unknown_certificate": (700027, "The certificate with identifier used to sign the client "
                            "assertion is not registered on application. [Reason - The key was "
                            "not found.]", 401),
    "bad_signature": (700027, "Client assertion failed signature validation. [Reason - The key "
                      "was found, but use of the key to verify the signature failed.]", 401),
    "other_application": (700021, "Client assertion application identifier doesn't match "
                          "'client_id' parameter.", 401),
    "bad_audience": (50012, "Client assertion audience claim does not match Realm issuer.", 401),
    "bad_times": (700024, "Client assertion is not within its valid time range.", 401),
    "federated_iss": (700211, "No matching federated identity record found for presented "
                      "assertion issuer.", 401),
    "federated_aud": (700212, "No matching federated identity record found for presented "
                      "assertion audience.", 401),
    "federated_sub": (700213, "No matching federated identity record found for presented "
                      "assertion subject.", 401),
}
# what those that are not OAuth errors themselves are called there
OAUTH_NAME = {
    "revoked": "invalid_grant", "unknown_client": "unauthorized_client",
    "bad_jwt": "invalid_request",
    **dict.fromkeys(["public_client", "needs_secret", "unknown_certificate", "bad_signature",
                     "other_application", "bad_audience", "bad_times", "federated_iss",
                     "federated_aud", "federated_sub"], "invalid_client"),
}


def unsigned_jwt(claims):
    """A JWT in its compact form; its signature is no signature."""
    parts = (json.dumps({"alg": "RS256", "typ": "JWT"}), json.dumps(claims), "signature")
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


class OAuthError(Exception):
    """An answer other than 200; the argument is a key of AADSTS."""

    def answer(self):
        """The status and the JSON, as Microsoft words them."""
        name = self.args[0]
        number, text, status = AADSTS[name]
        stamp = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime())
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        return status, {
            "error": OAUTH_NAME.get(name, name),
            "error_description": f"AADSTS{number}: {text}\r\nTrace ID: {trace}\r\n"
                                 f"Correlation ID: {correlation}\r\nTimestamp: {stamp}",
            "error_codes": [number], "timestamp": stamp, "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.example.com/error?code={number}",
        }


class PlainError(OAuthError):
    """One in other words: the HTTP status, the error and its description."""

    def answer(self):
        status, error, description = self.args
        return status, {"error": error, "error_description": description}


class Grant:
    """What a user allowed a client; user is None for client_credentials."""

    def __init__(self, user, client_id, scope):
        self.user, self.client_id, self.scope = user, client_id, scope
        self.revoked = False
        self.refresh_token = None       # the newest


class Provider:
    """The decisions.  Every option is an attribute too and may be changed at any time.

    expires_in, refresh_in, ext_expires_in   seconds; None leaves the member out
    numbers_as_strings  "3600" for 3600
    rotate              a refresh brings a new refresh token; False: answers have none
    single_use          a refresh token that comes back a second time revokes its family
    token_size          length of an access token
    accept_tokens       False: introspection calls every token inactive
    device_interval, device_expires_in       of the device flow
    clients             {client_id: secret, None if public, or of assertions.py}; None: anybody
    service_accounts    [assertions.ServiceAccount] of jwt_bearer; None: any assertion is good
    identities          of the machine: [{query parameter: value}], {} is the one without a
                        name; None: anyone
    app_user            the mailbox that a client_credentials token is for
    claims              of the id_token that comes with a sign-in, beside iss, aud and exp;
                        None: there is no id_token
    granted             the scope that a sign-in is told it got; None: as asked
    """

    def __init__(self, expires_in=3599, refresh_in=None, ext_expires_in=None,
                 numbers_as_strings=False, rotate=True, single_use=False, token_size=1500,
                 accept_tokens=True, device_interval=1, device_expires_in=900, clients=None,
                 service_accounts=None, identities=None, app_user="alice@example.com", claims=None,
                 granted=None):
        self.expires_in, self.refresh_in, self.ext_expires_in = (
            expires_in, refresh_in, ext_expires_in)
        self.numbers_as_strings, self.rotate, self.single_use = (
            numbers_as_strings, rotate, single_use)
        self.token_size, self.accept_tokens = token_size, accept_tokens
        self.device_interval, self.device_expires_in = device_interval, device_expires_in
        self.clients, self.service_accounts = clients, service_accounts
        self.identities, self.app_user = identities, app_user
        self.claims, self.granted = claims, granted
        self.lock = threading.RLock()
        self.access = {}        # access token -> (Grant, Unix time of its end)
        self.refresh = {}       # refresh token -> Grant
        self.devices = {}       # device code -> what is known of it
        self.codes = {}         # authorization code -> (Grant, code challenge, redirect URI)

    # ---- for the test

    def issue(self, user, client_id="test-client", scope="mail offline_access"):
        """A fresh grant, as if the user had signed in: the token endpoint's answer."""
        with self.lock:
            return self.tokens(Grant(user, client_id, scope), with_refresh=True)

    def approve(self, user_code, user):
        """The user types the code in and agrees."""
        self._device(user_code)["user"] = user

    def deny(self, user_code):
        """The user types the code in and declines."""
        self._device(user_code)["denied"] = True

    def slow_down(self, user_code, times=1):
        """The next polls are told to slow down."""
        self._device(user_code)["slow_down"] = times

    def revoke(self, token):
        """Revoke the family of an access or refresh token; of a user, all families."""
        with self.lock:
            known = [*self.refresh.items(), *((t, g) for t, (g, _) in self.access.items())]
            hit = [grant for name, grant in known if token in (name, grant.user)]
            for grant in hit:
                grant.revoked = True
        return bool(hit)

    def expire(self, access_token):
        """End an access token before its time."""
        with self.lock:
            self.access[access_token] = (self.access[access_token][0], 0)

    def newest_refresh_token(self, user):
        """The refresh token that `user`'s client should have by now."""
        with self.lock:
            return [g.refresh_token for g in self.refresh.values() if g.user == user][-1]

    def _device(self, user_code):
        with self.lock:
            return next(d for d in self.devices.values() if d["user_code"] == user_code)

    # ---- the endpoints: each takes a request and returns (status, JSON)

    def serve(self, request):
        """Answer a request as a working provider does."""
        endpoint = getattr(self, "serve_" + request.kind.replace("/", "_"), None)
        if not endpoint:
            return 404, {"error": "not_found"}
        with self.lock:
            try:
                return 200, endpoint(request)
            except OAuthError as e:
                return e.answer()

    def serve_metadata(self, request):
        tenant = request.path.strip("/").split("/")[0]
        base = f"{self.url}/{'common' if tenant == '.well-known' else tenant}/oauth2/v2.0"
        return {
            "issuer": self.url, "token_endpoint": f"{base}/token",
            "authorization_endpoint": f"{base}/authorize",
            "device_authorization_endpoint": f"{base}/devicecode",
            "introspection_endpoint": f"{base}/introspect",
            "revocation_endpoint": f"{base}/revoke",
            "grant_types_supported": ["authorization_code", "refresh_token",
                                      "client_credentials", DEVICE_GRANT],
            "response_types_supported": ["code"], "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "none"],
        }

    def serve_devicecode(self, request):
        client_id = self.client(request)
        if not request.form.get("scope"):
            raise OAuthError("invalid_scope")
        user_code = "".join(secrets.choice("ABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(9))
        code = secrets.token_urlsafe(48)
        self.devices[code] = {
            "user_code": user_code, "client_id": client_id, "scope": request.form["scope"],
            "end": time.monotonic() + self.device_expires_in, "slow_down": 0,
        }
        page = f"{self.url}/devicelogin"
        return {
            "user_code": user_code, "device_code": code, "verification_uri": page,
            "expires_in": self.number(self.device_expires_in),
            "interval": self.number(self.device_interval),
            "message": f"To sign in, use a web browser to open the page {page} and enter the "
                       f"code {user_code} to authenticate.",
        }

    def serve_authorize(self, request):
        """Redirect with a code at once, for login_hint: the test plays the browser."""
        q = request.query
        code = secrets.token_urlsafe(48)
        grant = Grant(q["login_hint"], q["client_id"], q["scope"])
        self.codes[code] = (grant, q.get("code_challenge"), q["redirect_uri"])
        answer = urllib.parse.urlencode({"code": code, "state": q.get("state", "")})
        return {"location": f"{q['redirect_uri']}?{answer}"}

    def serve_token(self, request):
        if request.method == "GET":
            return self.managed_identity(request)
        if request.form.get("grant_type") == JWT_GRANT:
            return self.grant_jwt(request)
        client_id = self.client(request)
        grant_type = request.form.get("grant_type")
        serve = {"refresh_token": self.grant_refresh, "client_credentials": self.grant_app,
                 "authorization_code": self.grant_code, DEVICE_GRANT: self.grant_device,
                 }.get(grant_type)
        if not serve:
            raise OAuthError("unsupported_grant_type" if grant_type else "invalid_request")
        return serve(request.form, client_id)

    def grant_refresh(self, form, client_id):
        token = form.get("refresh_token")
        grant = self.refresh.get(token)
        if not grant or grant.client_id != client_id:
            raise OAuthError("invalid_grant")
        if self.single_use and token != grant.refresh_token:
            grant.revoked = True
        if grant.revoked:
            raise OAuthError("revoked")
        return self.tokens(grant, with_refresh=self.rotate)

    def grant_app(self, form, client_id):
        if not form.get("scope"):
            raise OAuthError("invalid_scope")
        return self.tokens(Grant(None, client_id, form["scope"]), with_refresh=False)

    def grant_jwt(self, request):
        """The assertion says which mailbox it is about."""
        try:
            claims = request.form["assertion"].split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        except (KeyError, IndexError, ValueError):
            raise OAuthError("bad_jwt") from None
        issuer, mailbox, scope = claims.get("iss"), claims.get("sub"), claims.get("scope", "")
        if self.service_accounts is not None:
            account = next((a for a in self.service_accounts if a.email == issuer), None)
            if not account:
                raise PlainError(400, "invalid_grant", "Invalid grant: account not found")
            mailbox, scope = account.grant(request.form["assertion"], self.url + request.path)
        return self.tokens(Grant(mailbox, issuer, scope), with_refresh=False)

    def managed_identity(self, request):
        """Azure's metadata service: GET, and numbers as strings."""
        query = dict(request.query)
        resource, version = query.pop("resource", None), query.pop("api-version", None)
        if request.headers.get("metadata") != "true" or not resource or version != "2018-02-01":
            raise OAuthError("invalid_request")
        if self.identities is not None and query not in self.identities:
            raise PlainError(400, "invalid_request", "Identity not found")
        answer = self.tokens(Grant(None, query.get("client_id"), resource), False)
        now = int(time.time())
        return {"access_token": answer["access_token"], "token_type": "Bearer",
                "resource": resource, "not_before": str(now),
                "expires_on": str(now + self.expires_in)}

    def grant_code(self, form, client_id):
        grant, challenge, uri = self.codes.pop(form.get("code"), (None, None, None))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        verifier = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if (not grant or grant.client_id != client_id or form.get("redirect_uri") != uri
                or (challenge and challenge != verifier)):
            raise OAuthError("invalid_grant")
        return self.signed_in(grant)

    def grant_device(self, form, client_id):
        device = self.devices.get(form.get("device_code"))
        if not device or device["client_id"] != client_id:
            raise OAuthError("bad_verification_code")
        if device.get("denied"):
            raise OAuthError("authorization_declined")
        if time.monotonic() > device["end"]:
            raise OAuthError("expired_token")
        if device["slow_down"]:
            device["slow_down"] -= 1
            raise OAuthError("slow_down")
        if "user" not in device:
            raise OAuthError("authorization_pending")
        del self.devices[form["device_code"]]
        grant = Grant(device["user"], client_id, device["scope"])
        return self.signed_in(grant)

    def serve_introspect(self, request):
        token = request.form.get("token")
        grant, end = self.access.get(token, (None, 0))
        if not grant or not self.accept_tokens or grant.revoked or time.time() >= end:
            return {"active": False}
        user = grant.user or self.app_user
        return {"active": True, "username": user, "email": user, "scope": grant.scope,
                "client_id": grant.client_id, "exp": int(end), "token_type": "Bearer"}

    def serve_revoke(self, request):
        self.revoke(request.form.get("token"))      # RFC 7009: 200 for unknown ones too
        return {}

    # ---- their parts

    def client(self, request):
        """Check who asks; returns the client_id."""
        form = dict(request.form)
        name, _, value = request.headers.get("authorization", "").partition(" ")
        if name.lower() == "basic":
            user, _, password = base64.b64decode(value).decode().partition(":")
            form["client_id"] = urllib.parse.unquote_plus(user)
            form["client_secret"] = urllib.parse.unquote_plus(password)
        client_id, secret = form.get("client_id"), form.get("client_secret")
        if not client_id:
            raise OAuthError("invalid_request")
        if self.clients is None:
            return client_id
        if client_id not in self.clients:
            raise OAuthError("unknown_client")
        right, assertion = self.clients[client_id], form.get("client_assertion")
        if right is None and (secret, assertion) != (None, None):
            raise OAuthError("public_client")
        if hasattr(right, "prove"):
            if assertion is None or secret is not None:
                raise OAuthError("needs_secret")
            # whichever endpoint is asked, the audience is the token endpoint: RFC 7523 section 3
            tenant = self.url + request.path.rpartition("/")[0]
            right.prove(form, client_id, tenant + "/token")
            return client_id
        if right is not None and secret is None:
            raise OAuthError("needs_secret")
        if right != secret:
            raise OAuthError("invalid_client")
        return client_id

    def tokens(self, grant, with_refresh):
        """A successful answer of the token endpoint."""
        access = "Ew" + secrets.token_urlsafe(self.token_size)[:self.token_size - 2]
        life = 600 if self.expires_in is None else self.expires_in
        self.access[access] = (grant, time.time() + life)
        answer = {"token_type": "Bearer", "scope": grant.scope, "access_token": access}
        for name in ("expires_in", "refresh_in", "ext_expires_in"):
            if getattr(self, name) is not None:
                answer[name] = self.number(getattr(self, name))
        if with_refresh:
            grant.refresh_token = "M.C5_" + secrets.token_urlsafe(300)
            self.refresh[grant.refresh_token] = grant
            answer["refresh_token"] = grant.refresh_token
        return answer

    def signed_in(self, grant):
        """tokens() for a person, with what says who that is."""
        answer = self.tokens(grant, with_refresh="offline_access" in grant.scope.split())
        if self.granted is not None:
            answer["scope"] = self.granted
        if self.claims is not None:
            claims = {"iss": self.url, "aud": grant.client_id, "exp": int(time.time()) + 3600,
                      **self.claims}
            answer["id_token"] = unsigned_jwt(claims)
        return answer

    def number(self, value):
        return str(value) if self.numbers_as_strings else value
