"""Ask this container's server whether it is well; the status says so. Run by the image's health check."""

import http.client
import os
import sys

TIMEOUT_S = 3


def healthy(port: int) -> bool:
    """Whether ``/health`` on this machine answers 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(not healthy(int(os.environ["PORT"])))
