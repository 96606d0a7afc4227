"""
``./gw test``: lint, types, import rules, tests; what this machine lacks is listed at the end with the line to install it.

``--system`` installs system components first (apt, as root); ``CI=true`` implies it and turns skips into failures.
``--all-clients`` adds the slower set of client stacks, and with ``--system`` what they need.
Everything else is passed on to pytest, and then only pytest runs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SYSTEM = (
    "openssl",
    "softhsm2",
    "xmlsec1",
    "poppler-utils",
    "libnss3-tools",
    "postgresql",
    "openjdk-17-jdk-headless",
    "maven",
    "chromium",
    "iproute2",
    "curl",
    "php-cli",
    "php-soap",
    "mono-devel",
    "nginx-light",
)
"""Without Node: where it came from elsewhere, Debian's npm conflicts with it and nothing at all would be installed."""

SLOWER_CLIENTS = (
    "gsoap",
    "libgsoap-dev",
    "g++",
    "nlohmann-json3-dev",
    "libsoap-wsdl-perl",
    "libsoap-lite-perl",
    "liblwp-protocol-https-perl",
    "libaxis-java",
    "libgoogle-gson-java",
)
ALL_CLIENTS = "--all-clients"
LINT = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("lint-imports",),
)


def main(arguments: list[str]) -> int:
    in_ci = os.environ.get("CI") == "true"
    all_clients = ALL_CLIENTS in arguments
    if "--system" in arguments or in_ci:
        install_system(SYSTEM + SLOWER_CLIENTS if all_clients else SYSTEM)
    chosen = [a for a in arguments if a not in ("--system", ALL_CLIENTS)]
    failed = [] if chosen else [" ".join(command) for command in LINT if not run(command)]
    if not run_tests(chosen, in_ci, [ALL_CLIENTS] if all_clients else []):
        failed.append("tests")
    if failed:
        print(f"\nnot right: {', '.join(failed)}")
    return 1 if failed else 0


def install_system(packages: tuple[str, ...]) -> None:
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        print("--system: needs apt and root; install by hand: apt-get install " + " ".join(packages))
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", *packages]):
        done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            print(f"--system: {' '.join(command)} failed with {done.returncode}")


def run(command: tuple[str, ...]) -> bool:
    began = time.monotonic()
    program = Path(sys.executable).with_name(command[0])
    done = subprocess.run([str(program), *command[1:]], cwd=ROOT, check=False)
    print(
        f"{'ok' if done.returncode == 0 else 'FAILED':8}{' '.join(command)} ({time.monotonic() - began:.1f} s)",
        flush=True,
    )
    return done.returncode == 0


def run_tests(chosen: list[str], in_ci: bool, clients: list[str]) -> bool:
    command = [sys.executable, "-m", "pytest", *clients, *(chosen or ["-n", "auto", "--dist", "loadfile"])]
    if in_ci and can_unshare():
        # Tests have no business on the network: in CI they have none but this machine's own.
        prepare_oracles()
        prepare_clients(clients)
        command = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "tests", *command]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def can_unshare() -> bool:
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    probe = ["unshare", "--net", "sh", "-c", "ip link set lo up"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def prepare_oracles() -> None:
    """Maven fetches what EU DSS needs while there is a network; the tests then build offline."""
    if shutil.which("mvn") is not None:
        pom = ROOT / "tests" / "oracles" / "dss" / "pom.xml"
        subprocess.run(["mvn", "-q", "-B", "-f", str(pom), "package"], cwd=ROOT, check=False)


def prepare_clients(clients: list[str]) -> None:
    """Client programs are installed, generated and compiled while there is a network; what fails, its tests will say."""
    subprocess.run([sys.executable, "-m", "tests.clients.programs", *clients], cwd=ROOT, check=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
