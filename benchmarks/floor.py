"""The floor: bare Flask views that do the same MongoDB work as the server and nothing else.

No token, no check, no index extraction, no audit: what remains is what HTTP, Flask, pymongo and JSON cost on
this machine, so that the server's cost can be told as a ratio. What the server computes for a write (index
entries, compressed bytes) is computed beforehand and read from FLOOR_FILE.
"""

from __future__ import annotations

import json
import os
import uuid
from functools import cache
from pathlib import Path
from typing import Any

import bson
from flask import Flask, Response, request
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from fhir_server.storage.stored import decompress

JOURNALED = WriteConcern(w="majority", j=True)
_JSON = "application/fhir+json; charset=utf-8"


@cache
def database() -> Database[dict[str, Any]]:
    """The floor's own database; the first request of a worker connects."""
    client: MongoClient[dict[str, Any]] = MongoClient(os.environ["MONGODB_URI"])
    return client.get_database(os.environ["MONGODB_DATABASE"], write_concern=JOURNALED)


def create_app() -> Flask:
    """Returns the WSGI application of the floor."""
    prepared = bson.decode(Path(os.environ["FLOOR_FILE"]).read_bytes())
    documents: dict[str, dict[str, Any]] = prepared["documents"]
    searches: dict[str, dict[str, Any]] = prepared["searches"]
    app = Flask("floor", static_folder=None)

    @app.get("/health/live")
    def live() -> Response:
        return Response("alive\n")

    @app.get("/fhir/<resource_type>/<resource_id>")
    def read(resource_type: str, resource_id: str) -> Response:
        found = database()[resource_type].find_one({"_id": resource_id}, {"z": 1})
        assert found is not None
        return Response(decompress(found["z"]), content_type=_JSON)

    @app.get("/fhir/<resource_type>")
    def search(resource_type: str) -> Response:
        plan = searches[request.query_string.decode()]
        found = (
            database()[resource_type].find(plan["filter"], {"z": 1}).sort(plan["sort"]).limit(plan["limit"])
        )
        entries = b",".join(b'{"resource":' + decompress(row["z"]) + b"}" for row in found)
        return Response(
            b'{"resourceType":"Bundle","type":"searchset","entry":[' + entries + b"]}", content_type=_JSON
        )

    _add_writes(app, documents)
    return app


def _add_writes(app: Flask, documents: dict[str, dict[str, Any]]) -> None:
    @app.post("/fhir/<resource_type>")
    def create(resource_type: str) -> Response:
        document = dict(documents[_key(request.get_data())])
        document["_id"] = str(uuid.uuid4())
        database()[resource_type].insert_one(document)
        location = ("Location", f"{resource_type}/{document['_id']}")
        return Response(decompress(document["z"]), 201, [location], content_type=_JSON)

    @app.put("/fhir/<resource_type>/<resource_id>")
    def update(resource_type: str, resource_id: str) -> Response:
        document = dict(documents[_key(request.get_data())])
        document["_id"] = resource_id

        def replace(session: ClientSession) -> None:
            current = database()[resource_type].find_one({"_id": resource_id}, session=session)
            assert current is not None
            document["v"] = current["v"] + 1
            row = {
                "_id": f"{resource_type}/{resource_id}/{current['v']}",
                "rt": resource_type,
                "id": resource_id,
            }
            row |= {name: current[name] for name in ("v", "lu", "m", "p", "vis", "z")}
            database()["history"].insert_one(row, session=session)
            database()[resource_type].replace_one({"_id": resource_id}, document, session=session)

        with database().client.start_session() as session:
            session.with_transaction(replace, read_concern=ReadConcern("snapshot"), write_concern=JOURNALED)
        return Response(decompress(document["z"]), content_type=_JSON)


def _key(body: bytes) -> str:
    """Parses the body, as any server must, and finds the document that belongs to it."""
    return str(json.loads(body)["identifier"][0]["value"])
