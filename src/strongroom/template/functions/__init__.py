"""The functions that templates may call. Each module declares those of one subject."""

from strongroom.template.function import Library
from strongroom.template.functions import builtin, comparison, encoding, outside

LIBRARY = Library()
for _module in (builtin, comparison, encoding, outside):
    LIBRARY.functions.update(_module.LIBRARY.functions)
