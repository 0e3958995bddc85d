"""What every channel must do for us, and nothing about how it does it."""

from typing import Protocol, runtime_checkable

EMAIL, PHONE = "email", "phone"


class ChannelError(Exception):
    """The channel did not take the message, or nobody knows whether it did. The message names nobody.

    Not permanent: the same call is to be made again later. Permanent: this address or message is refused, and a
    repeat changes nothing unless a person mends something.
    """

    def __init__(self, message: str, *, permanent: bool) -> None:
        super().__init__(message)
        self.permanent = permanent


@runtime_checkable
class Channel(Protocol):
    """One way to a person, such as e-mail, WhatsApp or SMS. Safe to share between threads."""

    @property
    def carries(self) -> str:
        """What its addresses are: EMAIL, or PHONE for numbers in E.164 form."""

    def send(self, *, address: str, subject: str, body: str, event: str) -> None:
        """Give the message away; plain text. Raises ChannelError.

        `event` is the same for each repeat of the same message: where the channel can, it lets a repeat pass
        unseen (an idempotency key, a Message-ID, a file's name).
        """
