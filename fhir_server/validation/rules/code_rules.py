"""Value sets whose codes follow a rule instead of a list: languages, media types, currencies, units.

https://hl7.org/fhir/R4/terminologies-systems.html
"""

from __future__ import annotations

import re
from collections.abc import Callable

from fhir_server.validation.rules.units import is_unit

_LANGUAGE = re.compile(r"(?:[A-Za-z]{2,3}(?:-[A-Za-z]{3}){0,3}|[A-Za-z]{4,8}|[xi])(?:-[A-Za-z0-9]{1,8}){0,8}")
_MEDIA_TYPE = re.compile(
    r"[\w.+!#$&^\-]{1,127}/(?:[\w.+!#$&^\-]{1,127}|\*)(?:\s*;\s*[^;]{1,256}){0,16}",
    re.ASCII,
)

# R4 binds the formats of a CapabilityStatement to media types too, and says them as xml, json, ttl or html.
_FORMATS = frozenset({"xml", "json", "ttl", "html"})
_WORD = re.compile(r"[\w.+!#$&^\-]{1,127}", re.ASCII)

# ISO 4217, active codes and those withdrawn since 1999, which bills of the past still name.
_CURRENCIES = frozenset(
    str.split(
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP"
        " BYN BYR BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CYP CZK DEM DJF DKK DOP DZD"
        " EEK EGP ERN ESP ETB EUR FJD FKP FRF GBP GEL GGP GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR"
        " ILS IMP INR IQD IRR ISK ITL JEP JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD"
        " LSL LTL LVL LYD MAD MDL MGA MKD MMK MNT MOP MRO MRU MTL MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO"
        " NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SIT"
        " SKK SLE SLL SOS SPL SRD SSP STD STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TVD TWD TZS UAH UGX"
        " USD USN UYI UYU UYW UZS VED VEF VES VND VUV WST XAF XAG XAU XBA XBB XBC XBD XCD XDR XOF XPD XPF"
        " XPT XSU XTS XUA XXX YER ZAR ZMW ZWL"
    )
)


def _is_media_type(code: str) -> bool | None:
    """Says whether a code is a media type; None for a word without subtype."""
    if code in _FORMATS or _MEDIA_TYPE.fullmatch(code):
        return True
    return None if _WORD.fullmatch(code) else False


CODE_RULES: dict[str, Callable[[str], bool | None]] = {
    "http://hl7.org/fhir/ValueSet/all-languages": lambda code: _LANGUAGE.fullmatch(code) is not None,
    "http://hl7.org/fhir/ValueSet/mimetypes": _is_media_type,
    "http://hl7.org/fhir/ValueSet/currencies": _CURRENCIES.__contains__,
    "http://hl7.org/fhir/ValueSet/ucum-units": is_unit,
}
"""Value set → does a code belong to it; None where that is not known."""
