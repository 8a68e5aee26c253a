"""Passwords: one user and password for the servers that a network reaches, from the environment alone."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import scrypt
from importlib.util import find_spec
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from tasks.core import InputError

USER, PASSWORD = "PAREDOWN_USER", "PAREDOWN_PASSWORD"
"""Environment variables that servers and clients read; the user's name is `paredown` where it is not set."""
AUTH_CONFIG = "mlflow-auth.ini"
"""The file with MLflow's settings for passwords, in the folder of the services."""
SHORTEST = 12
"""Characters of a password, as MLflow asks for."""


@dataclass(frozen=True)
class Credentials:
    """A user's name and password; neither is shown when it is printed."""

    user: str
    password: str

    def __repr__(self) -> str:
        return "Credentials(…)"

    def for_clients(self) -> dict[str, str]:
        """The variables with which Prefect's and MLflow's clients name themselves."""
        return {
            "PREFECT_API_AUTH_STRING": f"{self.user}:{self.password}",
            "MLFLOW_TRACKING_USERNAME": self.user,
            "MLFLOW_TRACKING_PASSWORD": self.password,
        }

    def for_servers(self, config: Path) -> dict[str, str]:
        """The variables with which Prefect's and MLflow's servers ask for them."""
        return {
            "PREFECT_SERVER_API_AUTH_STRING": f"{self.user}:{self.password}",
            "MLFLOW_AUTH_CONFIG_PATH": str(config),
            "MLFLOW_AUTH_ADMIN_USERNAME": self.user,
            "MLFLOW_AUTH_ADMIN_PASSWORD": self.password,
            "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(32),
        }


def read_credentials(environment: Mapping[str, str]) -> Credentials | None:
    """The credentials in the environment; None where there is no password.

    Raises:
        InputError: the password is shorter than 12 characters, or the name has a colon. No message repeats a password.
    """
    user, password = environment.get(USER) or "paredown", environment.get(PASSWORD)
    if not password:
        return None
    if len(password) < SHORTEST:
        raise InputError(f"must be a password of at least {SHORTEST} characters", path=PASSWORD)
    if ":" in user:
        raise InputError("must be a name without a colon", path=USER, value=user)
    return Credentials(user, password)


def check_opening(host: str, environment: Mapping[str, str]) -> Credentials | None:
    """What servers at this address ask their clients for; None at a loopback address, where they ask for nothing.

    Raises:
        InputError: it is not one address of this machine, or a network reaches it and the environment has no password,
            or MLflow's passwords need a package that is not installed.
    """
    number = _number_of(host)
    if number.is_loopback:
        return None
    credentials = read_credentials(environment)
    if credentials is None:
        law = f"must be in the environment when --host opens the servers to a network: read -rs {PASSWORD} && export "
        law += f"{PASSWORD}, and the same where paredown is used; {USER} is the name (paredown); "
        raise InputError(f"{law}a command line or a file would show it to others", path=PASSWORD)
    if find_spec("flask_wtf") is None:
        law = "needs the package Flask-WTF for MLflow's passwords"
        raise InputError(law, path="--host", value=host, nearest="pip install 'paredown[network]'")
    return credentials


def _number_of(host: str) -> IPv4Address | IPv6Address:
    try:
        number = ip_address(socket.gethostbyname(host))
        with socket.socket() as probe:
            probe.bind((str(number), 0))
    except OSError:
        raise InputError("must be an address of this machine", path="--host", value=host, nearest="127.0.0.1") from None
    if number.is_unspecified:
        law = "must be one address of this machine, at which others reach it"
        raise InputError(law, path="--host", value=host, nearest=_outer_address())
    return number


def _outer_address() -> str | None:
    """This machine's address on its network; None where it is on none. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for documentation: only the way to it is asked for
        except OSError:
            return None
        return str(probe.getsockname()[0])


def write_auth_config(folder: Path, credentials: Credentials) -> Path:
    """Writes MLflow's settings for passwords to `folder/AUTH_CONFIG`, without the password; returns the file.

    MLflow keeps the hashes of passwords in `mlflow-auth.db` beside it. Where the password differs from that of the last
    start, this database begins anew. Both files are their owner's alone.
    """
    config = folder / AUTH_CONFIG
    database, digest = config.with_suffix(".db"), config.with_suffix(".scrypt")
    known = digest.read_text() if digest.exists() else ""
    salt = known.partition(" ")[0] or secrets.token_hex(16)
    mark = f"{salt} {_hashed(salt, credentials)}"
    if known != mark:
        database.unlink(missing_ok=True)
    lines = ["[mlflow]", "default_permission = READ", f"database_uri = sqlite:///{database}"]
    lines += ["authorization_function = mlflow.server.auth:authenticate_request_basic_auth", ""]
    for file, text in ((config, "\n".join(lines)), (digest, mark), (database, None)):
        file.touch(mode=0o600)
        if text is not None:
            file.write_text(text)
    return config


def _hashed(salt: str, credentials: Credentials) -> str:
    text = f"{credentials.user}:{credentials.password}"
    return scrypt(text.encode(), salt=salt.encode(), n=2**14, r=8, p=1).hex()
