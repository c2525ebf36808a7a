"""gunicorn -c ops/gunicorn.conf.py: what `fhir-server run` does, for those who start gunicorn themselves.

The settings of the environment decide everything (docs/settings.md); add here what is particular to a host.
"""

from fhir_server.cli.run import gunicorn_options
from fhir_server.rest.access_log import configure_logging
from fhir_server.settings import load_settings

_settings = load_settings()
configure_logging(_settings.log_level, _settings.log_format)
globals().update(gunicorn_options(_settings))

wsgi_app = "fhir_server.app:create_app()"
# The proxy before it speaks for the client; see ops/nginx.conf.
forwarded_allow_ips = "127.0.0.1"
