# SPDX-License-Identifier: MIT
"""certs - a private certificate authority, by the openssl command"""

import os
import ssl
import subprocess

CONFIG = """\
[ca]
default_ca = test
[test]
dir = .
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
default_days = 30
policy = any
copy_extensions = copy
x509_extensions = server
[any]
commonName = supplied
[server]
basicConstraints = critical, CA:false
extendedKeyUsage = serverAuth, clientAuth
"""
LOCAL = "DNS:localhost,IP:127.0.0.1,IP:::1"


class Certificates:
    """One authority and what it signed.

    ca         path of the authority's certificate
    cert, key  paths of a good pair for localhost, 127.0.0.1 and ::1
    """

    def __init__(self, directory):
        self.dir = directory
        self.ca = os.path.join(directory, "ca.pem")
        for name, text in (("ca.cnf", CONFIG), ("index.txt", "")):
            with open(os.path.join(directory, name), "w", encoding="ascii") as f:
                f.write(text)
        self._openssl("req", "-x509", *self._new_key("ca.key"), "-out", "ca.pem", "-days", "30",
                      "-subj", "/CN=sasl-bearer test authority",
                      "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self.cert, self.key = self.pair("server")

    def pair(self, name, san=LOCAL, dates=()):
        """Make a certificate; returns the paths of it and of its key."""
        self._openssl("req", "-new", *self._new_key(f"{name}.key"), "-out", f"{name}.csr",
                      "-subj", f"/CN={name}", "-addext", f"subjectAltName={san}")
        self._openssl("ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", "ca.pem",
                      "-keyfile", "ca.key", "-in", f"{name}.csr", "-out", f"{name}.pem", *dates)
        return tuple(os.path.join(self.dir, f"{name}.{end}") for end in ("pem", "key"))

    def wrong_host(self):
        """A pair for another host."""
        return self.pair("wrong-host", "DNS:elsewhere.example.com")

    def expired(self):
        """A pair that was good until 2021."""
        return self.pair("expired", dates=("-startdate", "20200101000000Z",
                                           "-enddate", "20210101000000Z"))

    def client(self):
        """An SSLContext that trusts the authority and nobody else."""
        return ssl.create_default_context(cafile=self.ca)

    def _new_key(self, name):
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-keyout", name)

    def _openssl(self, *args):
        done = subprocess.run(["openssl", *args], cwd=self.dir, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise AssertionError(f"openssl {' '.join(args)}: {done.stderr}")
