# SPDX-License-Identifier: MIT
"""oidc - oidc-provider (Node) with a Python handle; the test plays the browser"""

import html.parser
import http.cookiejar
import json
import os
import shutil
import urllib.error
import urllib.parse
import urllib.request

import tap
from assertions import Certificate
from env import BUILDDIR, SRCDIR, wait_for

PUBLIC = "public-client"                # device code and refresh token, no secret
CONFIDENTIAL = "confidential-client"    # client credentials; also the mail server's name
CERTIFIED = "certified-client"          # both of them in one, proved by a certificate
SECRET = "a secret & more+than=that%41"


def modules():
    """The directory that has oidc-provider's node_modules, or None."""
    places = [os.path.join(base, "tests/lib/oidc") for base in (BUILDDIR, SRCDIR)]
    return next((p for p in places if os.path.isdir(p + "/node_modules/oidc-provider")), None)


def opener(context, *handlers):
    """urllib without the proxy of whoever runs the test."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                       urllib.request.HTTPSHandler(context=context), *handlers)


class Forms(html.parser.HTMLParser):
    """The forms of a page: [{"action", "method", "fields": {name: value}}]."""

    def __init__(self, page):
        super().__init__()
        self.forms = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "form":
            self.forms.append({"action": attrs.get("action", ""),
                               "method": attrs.get("method", "get").lower(), "fields": {}})
        elif tag == "input" and attrs.get("name") and self.forms:
            self.forms[-1]["fields"][attrs["name"]] = attrs.get("value") or ""


class Browser:
    """Follows redirects, keeps cookies, submits forms."""

    def __init__(self, context):
        cookies = http.cookiejar.CookieJar()
        self.opener = opener(context, urllib.request.HTTPCookieProcessor(cookies))

    def get(self, url, data=None):
        """Fetch; returns (address in the end, page)."""
        body = urllib.parse.urlencode(data).encode() if data is not None else None
        try:
            with self.opener.open(url, body, timeout=10) as reply:
                return reply.url, reply.read().decode()
        except urllib.error.HTTPError as e:
            raise AssertionError(f"{url}: {e.code} {e.read().decode()[:2000]}") from None

    def submit(self, url, page, **values):
        """Fill in the page's first form and send it."""
        form = Forms(page).forms[0]
        fields = {name: values.get(name, value) for name, value in form["fields"].items()}
        return self.get(urllib.parse.urljoin(url, form["action"]), fields)


class OidcProvider:
    """The provider as a process.

    tls                   serve HTTPS with env.tls(); else plain HTTP
    ttl, refresh_ttl, device_ttl    lifetimes in seconds
    scopes                custom scopes
    mailbox               the mailbox that client_credentials tokens are for
    redirect_uris         of the public client's browser sign-in; its port is ignored
    certificate           path; registers the client CERTIFIED with it
    """

    def __init__(self, env, tls=False, ttl=3600, refresh_ttl=86400, device_ttl=600,
                 scopes=("mail",), mailbox="alice@example.com",
                 redirect_uris=("http://127.0.0.1/", "http://localhost/"), certificate=None):
        self.env, self.port = env, env.port()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.context = env.tls().client() if tls else None
        self.process = None
        public = {
            "client_id": PUBLIC, "token_endpoint_auth_method": "none",
            "application_type": "native", "response_types": ["code"],
            "redirect_uris": list(redirect_uris),
            "grant_types": ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token",
                            "authorization_code"],
        }
        confidential = {
            "client_id": CONFIDENTIAL, "client_secret": SECRET,
            "token_endpoint_auth_method": "client_secret_post",
            "grant_types": ["client_credentials"], "response_types": [], "redirect_uris": [],
        }
        clients = [public, confidential]
        if certificate:
            clients.append({
                "client_id": CERTIFIED, "token_endpoint_auth_method": "private_key_jwt",
                "jwks": {"keys": [Certificate(certificate).jwk()]},
                "grant_types": ["client_credentials", "refresh_token",
                                "urn:ietf:params:oauth:grant-type:device_code"],
                "response_types": [], "redirect_uris": [],
            })
        self.config = {
            "port": self.port, "clients": clients, "scopes": list(scopes),
            "ttl": {"access": ttl, "refresh": refresh_ttl, "device": device_ttl},
            "mailbox": mailbox,
        }
        if tls:
            self.config["tls"] = {"cert": env.tls().cert, "key": env.tls().key}

    def start(self):
        """Start it and wait until it listens; returns self.  Skips without node_modules."""
        where = modules()
        tap.require("node")
        tap.need(where, "tests/lib/oidc/node_modules (npm ci --ignore-scripts)")
        config = self.env.write(f"oidc-{self.port}.json", json.dumps(self.config), 0o600)
        # Node looks for modules beside the file it runs
        server = os.path.join(where, "server.mjs")
        if not os.path.exists(server):
            server = shutil.copy(os.path.join(SRCDIR, "tests/lib/oidc/server.mjs"), where)
        self.process = self.env.start(f"oidc-{self.port}", ["node", server, config])

        def ready():
            assert self.process.alive(), "oidc-provider does not start:\n" + self.process.log()
            return f"ready {self.url}" in self.process.log()
        wait_for(ready, 20)
        return self

    def stop(self):
        self.process.stop()

    def metadata(self):
        """The discovery document."""
        return self.request("/.well-known/openid-configuration")[1]

    def endpoint(self, kind):
        """The address of token, devicecode, authorize, introspect, revoke."""
        return self.url + {"token": "/token", "devicecode": "/device/auth", "authorize": "/auth",
                           "introspect": "/token/introspection",
                           "revoke": "/token/revocation"}[kind]

    def request(self, where, **form):
        """POST a form (GET without one) to an endpoint or path; returns (status, JSON)."""
        url = self.url + where if where.startswith("/") else self.endpoint(where)
        data = urllib.parse.urlencode(form).encode() if form else None
        try:
            with opener(self.context).open(url, data, timeout=10) as reply:
                status, body = reply.status, reply.read()
        except urllib.error.HTTPError as e:
            status, body = e.code, e.read()
        return status, json.loads(body or b"{}")

    def introspect(self, token):
        """What it tells a mail server about a token."""
        return self.request("introspect", token=token, client_id=CONFIDENTIAL,
                            client_secret=SECRET)[1]

    def device_code(self, scope="openid offline_access mail", **client):
        """Start a device sign-in; returns the provider's answer.

        client  what proves another client than PUBLIC
        """
        status, answer = self.request("devicecode", scope=scope,
                                      **(client or {"client_id": PUBLIC}))
        assert status == 200, answer
        return answer

    def poll(self, device_code, **client):
        """Ask once for a device code's tokens; returns (status, JSON)."""
        return self.request("token", device_code=device_code,
                            grant_type="urn:ietf:params:oauth:grant-type:device_code",
                            **(client or {"client_id": PUBLIC}))

    def refresh(self, refresh_token):
        """Use a refresh token; returns (status, JSON)."""
        return self.request("token", client_id=PUBLIC, refresh_token=refresh_token,
                            grant_type="refresh_token")

    def sign_in(self, account, scope="openid offline_access mail", client=dict):
        """A whole device sign-in; returns the tokens.

        client  function that returns, for each request, what proves another than PUBLIC
        """
        device = self.device_code(scope, **client())
        self.approve(device["user_code"], account)
        status, tokens = self.poll(device["device_code"], **client())
        assert status == 200, tokens
        return tokens

    def approve(self, user_code, account):
        """What a person does on the device page: type the code, sign in, agree."""
        browser, url, page = self._open(user_code)
        url, page = browser.submit(url, page)                       # yes, this device
        url, page = browser.submit(url, page, login=account, password="any")
        url, page = browser.submit(url, page)                       # consent
        assert "Sign-in Success" in page, page

    def deny(self, user_code):
        """The person types the code and then aborts."""
        browser, url, page = self._open(user_code)
        form = Forms(page).forms[0]
        fields = {**form["fields"], "abort": "yes"}
        try:
            browser.get(urllib.parse.urljoin(url, form["action"]), fields)
        except AssertionError as e:
            assert "aborted" in str(e), e

    def authorize(self, url, account):
        """The browser sign-in: open `url`, sign in, agree; follows the last redirect too."""
        browser = Browser(self.context)
        where, page = browser.get(url)
        where, page = browser.submit(where, page, login=account, password="any")
        return browser.submit(where, page)

    def _open(self, user_code):
        browser = Browser(self.context)
        url, page = browser.get(self.url + "/device")
        url, page = browser.submit(url, page, user_code=user_code)
        return browser, url, page
