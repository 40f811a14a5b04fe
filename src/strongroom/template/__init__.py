"""Go's text/template with the functions of consul-template, as agents render secrets with it.

``Template.parse`` reads a text once; ``render`` runs it against a ``World``, and tells what it
depends on, what is still missing, and which files ``writeToFile`` asked for. Pure: what has to be
fetched, the caller fetches, and renders again.
"""

from strongroom.template.dependency import (
    CertificateIssue,
    Dependency,
    FileContent,
    SecretList,
    SecretRead,
    SecretWrite,
)
from strongroom.template.errors import (
    ExecutionError,
    FunctionError,
    LimitExceeded,
    SyntaxMistake,
    TemplateError,
)
from strongroom.template.execution import FileWrite, Options
from strongroom.template.rendering import Renderable, Rendered, Template, parse, render
from strongroom.template.secret import Auth, Certificate, Secret, WrapInfo, read_numbers
from strongroom.template.world import UNKNOWN, Interface, World

__all__ = [
    "UNKNOWN",
    "Auth",
    "Certificate",
    "CertificateIssue",
    "Dependency",
    "ExecutionError",
    "FileContent",
    "FileWrite",
    "FunctionError",
    "Interface",
    "LimitExceeded",
    "Options",
    "Renderable",
    "Rendered",
    "Secret",
    "SecretList",
    "SecretRead",
    "SecretWrite",
    "SyntaxMistake",
    "Template",
    "TemplateError",
    "World",
    "WrapInfo",
    "parse",
    "read_numbers",
    "render",
]
