# SPDX-License-Identifier: MIT
"""chromium - a real browser without a window, by its driver's WebDriver interface"""

import base64
import json
import os
import time
import urllib.error
import urllib.request

import tap
from env import can_connect, wait_for

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"     # WebDriver's name for a reference
ARGUMENTS = ("--headless=new", "--disable-gpu", "--no-first-run", "--no-default-browser-check",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--disable-extensions", "--disable-dev-shm-usage", "--no-proxy-server",
             "--hide-scrollbars", "--window-size=1000,960",
             # nothing but this machine: pages of others may want fonts from elsewhere
             "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1, EXCLUDE localhost")


class Trouble(Exception):
    """What the driver answered instead of a value: its error and message."""


class Chromium:
    """One browser with a fresh profile."""

    def __init__(self, env):
        tap.require("chromium", "chromedriver")
        self.env, self.port, self.session = env, env.port(), ""
        name = env.name("chromium")
        self.process = env.start(name, ["chromedriver", f"--port={self.port}"],
                                 env={"HOME": env.mkdir(name)})
        wait_for(lambda: can_connect(self.port), 20, "chromedriver")
        arguments = [*ARGUMENTS, f"--user-data-dir={env.mkdir(name + '/profile')}"]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")
        options = {"args": arguments}
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"performance": "ALL", "browser": "ALL"}}}})
        self.session = f"/session/{answer['sessionId']}"

    def call(self, method, path, body=None):
        """One request to the driver; returns its value."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, method=method,
                                         headers={"Content-Type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as reply:
                return json.load(reply)["value"]
        except urllib.error.HTTPError as e:
            value = json.load(e)["value"]
            raise Trouble(f"{value['error']}: {value['message']}") from None

    def post(self, path, **body):
        return self.call("POST", self.session + path, body)

    def get(self, path):
        return self.call("GET", self.session + path)

    def close(self):
        self.call("DELETE", self.session)
        self.process.stop()

    # ---- pages

    def open(self, url):
        """Go there.  Raises Trouble when nobody answers."""
        self.post("/url", url=url)

    def reload(self):
        self.post("/refresh")

    def url(self):
        return self.get("/url")

    def title(self):
        return self.get("/title")

    def find(self, css, timeout=10):
        """The first element, once it is there."""
        end = time.monotonic() + timeout
        while True:
            try:
                return self.post("/element", using="css selector", value=css)[ELEMENT]
            except Trouble as e:
                if time.monotonic() > end or "no such element" not in str(e):
                    raise AssertionError(f"{css}: {e}; at {self.url()}: {self.text()}") from None
            time.sleep(0.05)

    def text(self, css="body"):
        """What a person reads."""
        element = self.post("/element", using="css selector", value=css)[ELEMENT]
        return self.get(f"/element/{element}/text")

    def click(self, css):
        self.post(f"/element/{self.find(css)}/click")

    def type(self, css, text):
        """Type into a field, in the place of what is there."""
        field = self.find(css)
        self.post(f"/element/{field}/clear")
        self.post(f"/element/{field}/value", text=text)

    def run(self, script):
        """Run JavaScript as the driver, whatever the page's policy; returns its value."""
        return self.post("/execute/sync", script=script, args=[])

    # ---- tabs and looks

    def tab(self):
        return self.get("/window")

    def new_tab(self):
        """Open a tab and go to it; returns its name."""
        name = self.post("/window/new", type="tab")["handle"]
        self.switch(name)
        return name

    def switch(self, name):
        self.post("/window", handle=name)

    def command(self, method, **parameters):
        """A command of the DevTools protocol."""
        return self.post("/goog/cdp/execute", cmd=method, params=parameters)

    def look(self, width=1000, height=760, dark=False, scale=1):
        """Be a screen of that size, in that colour scheme."""
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height,
                     deviceScaleFactor=scale, mobile=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self):
        """The visible page, as a PNG."""
        return base64.b64decode(self.get("/screenshot"))

    # ---- what it did

    def responses(self):
        """The responses since the last call: [{"url", "status", "headers"}]."""
        entries = [json.loads(e["message"])["message"] for e in self._log("performance")]
        return [e["params"]["response"] for e in entries if e["method"] == "Network.responseReceived"]

    def complaints(self):
        """What the browser's console says since the last call."""
        return [e["message"] for e in self._log("browser")]

    def _log(self, kind):
        return self.post("/se/log", type=kind)
