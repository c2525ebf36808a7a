"""The gunicorn that floor and server share; only the application differs.

As `fhir-server run` configures it. https://docs.gunicorn.org/en/stable/settings.html
"""

import gc
import os

bind = [f"127.0.0.1:{os.environ['PORT']}"]
workers = int(os.environ["WORKERS"])
threads = int(os.environ["THREADS"])
worker_class = "gthread"
preload_app = True
keepalive = 30
timeout = 120
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None
control_socket_disable = True
accesslog = None
loglevel = "warning"


def when_ready(_: object) -> None:
    """Freezes what the workers share, for both alike."""
    gc.collect()
    gc.freeze()
