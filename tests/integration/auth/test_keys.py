"""The keys that sign id_tokens: made once for all workers, replaced in time, or given. RFC 7517"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from joserfc.jwk import RSAKey

from fhir_server.auth import keys as keys_module
from fhir_server.auth.keys import Keys
from fhir_server.settings import SettingsError
from fhir_server.storage.documents import Documents
from fhir_server.storage.mongo import Mongo
from fhir_server.storage.oauth.signing_keys import SigningKeys

DAY = 86_400


@pytest.fixture
def stored(mongodb_uri: str, database_name: str) -> Iterator[SigningKeys]:
    mongo = Mongo(mongodb_uri, database_name)
    mongo.database.drop_collection("oauth_signing_keys")
    yield SigningKeys(Documents(mongo))
    mongo.close()


def test_workers_that_start_together_sign_with_one_key(stored: SigningKeys) -> None:
    workers = [Keys(stored, 30) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        kids = set(pool.map(lambda worker: worker.signing_key().kid, workers))
    assert len(kids) == 1
    assert len(workers[0].published()) == 1


def test_a_key_is_replaced_and_stays_published_for_a_while(
    stored: SigningKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Keys(stored, 30).signing_key().kid
    now = keys_module.time.time
    monkeypatch.setattr(keys_module.time, "time", lambda: now() + 31 * DAY)
    worker = Keys(stored, 30)
    assert worker.signing_key().kid != first
    assert [key["kid"] for key in worker.published()] == [worker.signing_key().kid, first]


def test_a_given_key_signs_alone(stored: SigningKeys, tmp_path: Path) -> None:
    key = RSAKey.generate_key(2048, private=True)
    file = tmp_path / "key.pem"
    file.write_bytes(key.as_pem(private=True))
    keys = Keys(stored, 30, file)
    assert [row["kid"] for row in keys.published()] == [key.thumbprint()]
    assert stored.list() == []


@pytest.mark.parametrize("content", [b"", b"x", RSAKey.generate_key(2048).as_pem(private=False)])
def test_a_file_that_holds_no_private_key_is_refused_at_start(
    stored: SigningKeys, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match="SIGNING_KEY"):
        Keys(stored, 30, file)


def test_the_name_of_a_key_is_its_thumbprint(stored: SigningKeys) -> None:
    (published,) = Keys(stored, 30).published()
    assert published["kid"] == RSAKey.import_key(published).thumbprint()
    modulus = published["n"]
    assert len(base64.urlsafe_b64decode(modulus + "=" * (-len(modulus) % 4))) == 256
