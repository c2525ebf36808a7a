"""How often may one try? Slower and slower, and never so that one person locks out another.

OWASP ASVS 5 §6.3.1; OWASP "Slow Down Online Guessing Attacks with Device Cookies".
A password is counted by name *and* network, and in a browser that the person has used before by that browser:
whoever guesses from elsewhere does not slow her down. A network as a whole has a budget too.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from fhir_server.storage.attempts import Attempts

MEMORY = timedelta(hours=24)
BROWSER_MEMORY = timedelta(days=180)


@dataclass(frozen=True, slots=True)
class Budget:
    """Attempts that are free, then delays that double from `first` to `longest`."""

    free: int
    first: timedelta
    longest: timedelta

    def delay(self, failures: int) -> timedelta:
        """Returns how long to wait after a number of failures."""
        over = failures - self.free
        if over < 0:
            return timedelta()
        return min(self.longest, self.first * (1 << min(over, 20)))


PERSON = Budget(5, timedelta(seconds=2), timedelta(minutes=15))
NETWORK = Budget(100, timedelta(seconds=1), timedelta(minutes=5))
SECOND_FACTOR = Budget(5, timedelta(seconds=15), timedelta(minutes=30))


@dataclass(frozen=True, slots=True)
class Origin:
    """From where somebody tries."""

    address: str
    browser: str

    @property
    def network(self) -> str:
        """The address; of IPv6 the /64, which one household has for itself."""
        try:
            parsed = ipaddress.ip_address(self.address)
        except ValueError:
            return self.address
        if parsed.version == 6:
            return str(ipaddress.ip_network(f"{parsed}/64", strict=False))
        return str(parsed)


class Throttle:
    """Counts attempts before they are made and forgets them after a success."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts

    def claim_password(self, username: str, account_id: str, origin: Origin) -> datetime | None:
        """Counts an attempt to log in; returns when the next one is allowed if this one is not.

        The network is asked last: who has to wait for one name does not use up the budget of her office.
        """
        key, is_known = self._password_key(username, account_id, origin)
        until = self._attempts.claim(key, PERSON.delay, MEMORY)
        if until is None and not is_known:
            until = self._attempts.claim(f"network {origin.network}", NETWORK.delay, timedelta(hours=1))
        return until

    def password_succeeded(self, username: str, account_id: str, origin: Origin) -> None:
        """Forgets the failures of this person from here."""
        self._attempts.forget(self._password_key(username, account_id, origin)[0])

    def claim_second_factor(self, account_id: str, origin: Origin) -> datetime | None:
        """Counts a code; by account, since only who knows the password comes so far."""
        return self._attempts.claim(self._code_key(account_id, origin), SECOND_FACTOR.delay, MEMORY)

    def login_succeeded(self, account_id: str, origin: Origin, next_browser: str) -> None:
        """Forgets the failures and remembers the browser under its new name."""
        self._attempts.forget(self._code_key(account_id, origin))
        self._attempts.remember_browser(next_browser, account_id, BROWSER_MEMORY)

    def _password_key(self, username: str, account_id: str, origin: Origin) -> tuple[str, bool]:
        if self._knows(account_id, origin):
            return f"password {account_id} in {origin.browser}", True
        return f"password {username} from {origin.network}", False

    def _code_key(self, account_id: str, origin: Origin) -> str:
        if self._knows(account_id, origin):
            return f"code {account_id} in {origin.browser}"
        return f"code {account_id}"

    def _knows(self, account_id: str, origin: Origin) -> bool:
        # Asked for unknown names too, so that they take as long.
        return self._attempts.knows_browser(origin.browser, account_id)
