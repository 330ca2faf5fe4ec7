"""What the playground refuses, said as Discord says it.

PlaygroundError        the playground cannot start (a taken port): one sentence for its owner
ApiError               a REST answer with Discord's status, code and message
├─ unknown(...)        404: 10003 Unknown Channel, 10008 Unknown Message ...
├─ forbidden(...)      403: 50001 Missing Access, 50013 Missing Permissions ...
└─ bad_form(...)       400: 50035 Invalid Form Body, with the errors of each field

Codes: Discord API docs, topics/opcodes-and-status-codes, "JSON".
"""

from collections.abc import Mapping

UNKNOWN_CODES = {
    "Application": 10002,
    "Channel": 10003,
    "Guild": 10004,
    "Member": 10007,
    "Message": 10008,
    "Role": 10011,
    "User": 10013,
    "Emoji": 10014,
    "Webhook": 10015,
    "interaction": 10062,
    "application command": 10063,
}


class PlaygroundError(Exception):
    """The playground cannot start; the text is one sentence that says what to do."""


class ApiError(Exception):
    """A refusal that travels to the client as JSON: {"message", "code", "errors"?}."""

    def __init__(self, status: int, code: int, message: str, errors: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors

    def payload(self) -> dict[str, object]:
        body: dict[str, object] = {"message": self.message, "code": self.code}
        if self.errors:
            body["errors"] = self.errors
        return body


def unknown(what: str) -> ApiError:
    """404 for a thing that is not there; `what` is a key of UNKNOWN_CODES."""
    return ApiError(404, UNKNOWN_CODES[what], f"Unknown {what}")


def unauthorized() -> ApiError:
    return ApiError(401, 0, "401: Unauthorized")


def missing_access() -> ApiError:
    return ApiError(403, 50001, "Missing Access")


def missing_permissions() -> ApiError:
    return ApiError(403, 50013, "Missing Permissions")


def bad_form(field: str, code: str, message: str) -> ApiError:
    """400/50035; a dotted `field` becomes the nested object Discord answers ("embeds.0.title")."""
    errors: dict[str, object] = {"_errors": [{"code": code, "message": message}]}
    for part in reversed(field.split(".")):
        errors = {part: errors}
    return ApiError(400, 50035, "Invalid Form Body", errors)


def too_long(field: str, limit: int) -> ApiError:
    return bad_form(field, "BASE_TYPE_MAX_LENGTH", f"Must be {limit} or fewer in length.")


def required(field: str) -> ApiError:
    return bad_form(field, "BASE_TYPE_REQUIRED", "This field is required")
