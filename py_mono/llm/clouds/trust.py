"""Which certificates a cloud's is to be signed by."""

import ssl
from collections.abc import Mapping

import certifi

from py_mono.protocol.errors import ConfigError


def trusted(environment: Mapping[str, str]) -> ssl.SSLContext:
    """The certificates to trust: those that ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name, else certifi's.

    Raises:
        ConfigError: What they name cannot be read, or holds none.
    """
    file, folder = environment.get("SSL_CERT_FILE") or None, environment.get("SSL_CERT_DIR") or None
    try:
        return ssl.create_default_context(cafile=file or (None if folder else certifi.where()), capath=folder)
    except OSError as error:  # ssl's own is one, too
        raise ConfigError(
            f"SSL_CERT_FILE is {file}, and no certificates can be read from it: {error.strerror or error}",
            remedy="set it to a file of certificates (PEM), or unset it",
        ) from error
