"""Passkeys, by py_webauthn. https://www.w3.org/TR/webauthn-2/

The authenticator verifies the person (PIN, finger, face): a passkey is something she has and knows.
"""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fhir_server.storage.accounts import Account, Passkey

if TYPE_CHECKING:
    # Imported where it is used: it costs a worker a tenth of a second, and many people have no passkey.
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

MOST = 10
_LONGEST = 20_000


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """The site to which passkeys are bound."""

    origin: str
    name: str = "DMP"

    @property
    def id(self) -> str:
        """The domain of the site; "" when it has none: a passkey cannot be bound to an address."""
        host = urlsplit(self.origin).hostname or ""
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return host
        return ""

    def registration_options(self, account: Account) -> tuple[bytes, str]:
        """Returns the challenge to keep and the JSON that the browser makes a passkey with."""
        import webauthn
        from webauthn.helpers.structs import (
            AuthenticatorSelectionCriteria,
            ResidentKeyRequirement,
            UserVerificationRequirement,
        )

        options = webauthn.generate_registration_options(
            rp_id=self.id,
            rp_name=self.name,
            user_name=account.username,
            user_id=account.account_id.encode(),
            user_display_name=account.display,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.DISCOURAGED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=_descriptors(account),
        )
        return options.challenge, webauthn.options_to_json(options)

    def registered(self, response: str, challenge: bytes, label: str) -> Passkey | None:
        """Returns the passkey that the browser made, None when the answer is not a right one."""
        if len(response) > _LONGEST:
            return None
        import webauthn
        from webauthn.helpers.exceptions import WebAuthnException

        try:
            made = webauthn.verify_registration_response(
                credential=json.loads(response),
                expected_challenge=challenge,
                expected_rp_id=self.id,
                expected_origin=self.origin,
                require_user_verification=True,
            )
        except (WebAuthnException, *_REFUSALS):
            return None
        return Passkey(
            credential_id=made.credential_id,
            public_key=made.credential_public_key,
            sign_count=made.sign_count,
            label=label[:60],
            added_at=datetime.now(UTC),
        )

    def authentication_options(self, account: Account) -> tuple[bytes, str]:
        """Returns the challenge to keep and the JSON that the browser asks the passkey with."""
        import webauthn
        from webauthn.helpers.structs import UserVerificationRequirement

        options = webauthn.generate_authentication_options(
            rp_id=self.id,
            allow_credentials=_descriptors(account),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return options.challenge, webauthn.options_to_json(options)

    def authenticated(self, response: str, challenge: bytes, account: Account) -> tuple[bytes, int] | None:
        """Returns the id and the counter of the passkey that signed the challenge, None when none did."""
        if len(response) > _LONGEST:
            return None
        import webauthn
        from webauthn.helpers.exceptions import WebAuthnException

        try:
            answer = json.loads(response)
            credential_id = webauthn.base64url_to_bytes(answer["rawId"])
            known = next(p for p in account.passkeys if bytes(p.credential_id) == credential_id)
            proved = webauthn.verify_authentication_response(
                credential=answer,
                expected_challenge=challenge,
                expected_rp_id=self.id,
                expected_origin=self.origin,
                credential_public_key=bytes(known.public_key),
                credential_current_sign_count=known.sign_count,
                require_user_verification=True,
            )
        except (StopIteration, WebAuthnException, *_REFUSALS):
            return None
        return credential_id, proved.new_sign_count


# What a hostile answer makes of a parser: CBOR, JSON, base64, keys of the wrong kind.
_REFUSALS = (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError)


def _descriptors(account: Account) -> list[PublicKeyCredentialDescriptor]:
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

    return [PublicKeyCredentialDescriptor(id=bytes(passkey.credential_id)) for passkey in account.passkeys]
