"""What a password is called in which kind of directory. Pure."""

from __future__ import annotations

from strongroom.errors import BadRequest
from strongroom.secrets.ldap.ldif import Attributes

SCHEMAS = ("openldap", "ad", "racf")
USER_ATTRIBUTE = {"openldap": "cn", "ad": "userPrincipalName", "racf": "racfid"}
"""By which attribute an account is found where the configuration does not say."""


def password_attributes(schema: str, password: str, *, phrase: bool = False) -> Attributes:
    """The attributes that set a password. Raises BadRequest for a schema that is not known."""
    match schema:
        case "openldap":
            return [("userPassword", [password.encode()])]
        case "ad":
            # MS-ADTS 3.1.1.3.1.5: the password in quotes, as UTF-16 in little endian
            return [("unicodePwd", [f'"{password}"'.encode("utf-16-le")])]
        case "racf" if phrase:
            return [("racfPassPhrase", [password.encode()]), ("racfAttributes", [b"noexpired"])]
        case "racf":
            return [("racfPassword", [password.encode()]), ("racfAttributes", [b"noexpired"])]
    raise BadRequest(f"schema must be one of {', '.join(SCHEMAS)}")
