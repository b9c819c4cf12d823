"""Form: the fields of a body of the type multipart/form-data (RFC 7578)."""

from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.policy import HTTP


@dataclass(frozen=True, slots=True)
class Part:
    """One field: a text, or a file where it has a file name."""

    name: str
    data: bytes
    filename: str | None = None


def read_form(content_type: str, body: bytes) -> list[Part]:
    """Return the fields in their order; a name may come several times.

    Args:
        content_type: The header of the request, which names the boundary.
        body: As it came.

    Raises:
        ValueError: It is no form.
    """
    message = message_from_bytes(b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n" + body, policy=HTTP)
    if message.get_content_type() != "multipart/form-data" or not message.is_multipart():
        raise ValueError("the body is no multipart/form-data")
    return [_part(each) for each in message.get_payload() if isinstance(each, Message)]


def _part(message: Message) -> Part:
    data = message.get_payload(decode=True)
    name = message.get_param("name", "", "content-disposition")
    return Part(str(name), data if isinstance(data, bytes) else b"", message.get_filename())
