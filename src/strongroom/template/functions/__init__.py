"""The functions that templates may call. Each module declares those of one subject."""

from strongroom.template.function import Library
from strongroom.template.functions import (
    arithmetic,
    builtin,
    clock,
    collection,
    comparison,
    encoding,
    inspection,
    outside,
    sockaddr,
    text,
)
from strongroom.template.functions.sprig import collection as sprig_collection
from strongroom.template.functions.sprig import data as sprig_data
from strongroom.template.functions.sprig import number as sprig_number
from strongroom.template.functions.sprig import text as sprig_text
from strongroom.template.functions.sprig import time as sprig_time
from strongroom.template.functions.sprig import version as sprig_version

SUBJECTS: dict[str, Library] = {
    "The world outside": outside.LIBRARY,
    "Texts": text.LIBRARY,
    "Lists and maps": collection.LIBRARY,
    "Numbers": arithmetic.LIBRARY,
    "Encoding and hashes": encoding.LIBRARY,
    "Addresses": sockaddr.LIBRARY,
    "The time": clock.LIBRARY,
    "Finding mistakes": inspection.LIBRARY,
    "Go's own": builtin.LIBRARY,
    "Comparisons": comparison.LIBRARY,
    "Sprig: texts": sprig_text.LIBRARY,
    "Sprig: lists and maps": sprig_collection.LIBRARY,
    "Sprig: numbers": sprig_number.LIBRARY,
    "Sprig: encoding, paths, environment": sprig_data.LIBRARY,
    "Sprig: times": sprig_time.LIBRARY,
    "Sprig: versions": sprig_version.LIBRARY,
}
LIBRARY = Library()
for _library in SUBJECTS.values():
    LIBRARY.functions.update(_library.functions)
