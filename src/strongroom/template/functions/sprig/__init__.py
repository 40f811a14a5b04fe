"""Sprig's functions, each under its name with ``sprig_`` before it."""

from strongroom.template.function import Library
from strongroom.template.functions.sprig import collection, crypto, data, number, text, time, url, version

SUBJECTS: dict[str, Library] = {
    "Sprig: texts": text.LIBRARY,
    "Sprig: lists and maps": collection.LIBRARY,
    "Sprig: numbers": number.LIBRARY,
    "Sprig: encoding, paths, environment": data.LIBRARY,
    "Sprig: URLs": url.LIBRARY,
    "Sprig: keys, certificates, passwords": crypto.LIBRARY,
    "Sprig: times": time.LIBRARY,
    "Sprig: versions": version.LIBRARY,
}
