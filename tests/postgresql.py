"""A PostgreSQL server of our own, thrown away after the tests."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

NOT_INSTALLED = "no PostgreSQL server is installed: apt-get install postgresql"


def programs():
    """The folder of initdb and postgres, or None."""
    beside = shutil.which("initdb"), shutil.which("postgres")
    if all(beside):
        return Path(os.path.realpath(beside[0])).parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parts[4]))
    return found[-1].parent if found else None


class Server:
    """PostgreSQL on a unix socket in a temporary folder; nothing of it survives, so nothing is synced to disk."""

    def __init__(self, programs):
        self.folder = Path(tempfile.mkdtemp(prefix="gw-pg-", dir="/tmp"))
        self._as = {}
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root.
            nobody = pwd.getpwnam("nobody")
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
        data = str(self.folder / "data")
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "gateway", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"],
            check=True,
            capture_output=True,
            env=environment,
            cwd="/",
            timeout=120,
            **self._as,
        )
        quick = [
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            "listen_addresses=",
            "max_connections=60",
        ]
        options = [part for option in (*quick, f"unix_socket_directories={self.folder}") for part in ("-c", option)]
        self._log = (self.folder.parent / f"{self.folder.name}.log").open("wb")
        self._process = subprocess.Popen(
            [programs / "postgres", "-D", data, *options],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd="/",
            **self._as,
        )
        self._wait()

    def _wait(self):
        deadline = time.monotonic() + 60
        while True:
            try:
                with closing(self.connect()):
                    return
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    said = Path(self._log.name).read_text(errors="replace")
                    self.stop()
                    pytest.fail(f"PostgreSQL did not start: {said[-2000:]}")
                time.sleep(0.05)

    def connect(self):
        return psycopg.connect(host=str(self.folder), user="gateway", dbname="postgres", autocommit=True)

    def url(self, name):
        return f"postgresql://gateway@/{name}?host={self.folder}"

    def create(self, encoding="UTF8"):
        """The address of a new, empty database."""
        name = f"t{secrets.token_hex(6)}"
        with closing(self.connect()) as connection:
            connection.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0")
        return self.url(name)

    def stop(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # at once, whoever is still connected
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)
        self._log.close()
        Path(self._log.name).unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)
