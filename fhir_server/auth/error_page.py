"""The page for a person whose app asked for something wrong. RFC 6749 §4.1.2.1

There is no safe place to send the browser to.
"""

from __future__ import annotations

from flask import Response
from markupsafe import escape

_PAGE = """<!doctype html>
<html lang="fr">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title></head>
<body><main>
<h1>{title}</h1>
<p>L'application qui vous a envoyé ici a fait une demande qui ne peut pas aboutir. Revenez-y et
recommencez ; si cela se répète, prévenez son éditeur.</p>
<p lang="en">The app that sent you here made a request that cannot be answered. Go back and try again.</p>
<p lang="en"><code>{reason}</code></p>
</main></body></html>
"""


def error_page(reason: str) -> Response:
    """Returns the page; `reason` is for the developers of the app."""
    text = _PAGE.format(title="Demande refusée", reason=escape(reason))
    response = Response(text, 400, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; frame-ancestors 'none'; form-action 'none'; base-uri 'none'"
    )
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response
