"""Who we are to the Hugging Face hub. The token lives where huggingface_hub keeps it, and passes through here only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tarot_tui.errors import BadInput, TarotError
from tarot_tui.locale import _
from tarot_tui.text import one_line


@dataclass(frozen=True)
class Account:
    """name: of the user. token_name: of the token. role: ``read``, ``write``, ``fineGrained`` or empty.

    may_write: whether it can make repositories of the user's own. where: the environment variable or file it is from.
    """

    name: str
    token_name: str
    role: str
    may_write: bool
    where: str


def account() -> Account | None:
    """Whose token is in use, asked of the hub; None without one. Raises TarotError when the hub declines it."""
    from huggingface_hub import HfApi, get_token

    token = get_token()
    if not token:
        return None
    with _in_our_words():
        return _read(HfApi().whoami(token))


def save(token: str) -> Account:
    """Have the hub check ``token`` and keep it. Raises BadInput for what cannot be one, TarotError when it is declined."""
    from huggingface_hub import login

    token = token.strip()
    if not token or any(letter.isspace() or not letter.isprintable() for letter in token):
        raise BadInput(_("That is no token: copy the whole word from huggingface.co/settings/tokens."))
    if token.startswith("api_org"):
        raise BadInput(_("That is an organisation's token: the hub takes only personal ones."))
    with _in_our_words():
        login(token, add_to_git_credential=False)
    found = account()
    if found is None:
        raise TarotError(_("The token was accepted, but could not be kept: look at HF_HOME."))
    return found


def login_with_browser() -> Account:
    """Let huggingface_hub show an address and a code, and wait until they are confirmed in some browser."""
    from huggingface_hub import _login, errors

    if not hasattr(_login, "_device_code_login"):
        raise BadInput(_("This huggingface_hub has no login by browser: paste a token, or update it."))
    try:
        with _in_our_words():
            _login._device_code_login()
    except errors.DeviceCodeError as error:
        raise TarotError(
            _("The login by browser failed: {reason}. Try again, or paste a token.").format(
                reason=one_line(str(error), 160).rstrip(".")
            )
        ) from None
    found = account()
    if found is None:
        raise TarotError(_("The login was not completed."))
    return found


def forget() -> str | None:
    """Remove every stored token; the name of an environment variable that still holds one, if any."""
    from huggingface_hub import logout

    try:
        logout()
    except OSError:
        return _variable() or "HF_TOKEN"
    return _variable()


def _variable() -> str | None:
    return next((name for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") if os.environ.get(name)), None)


def _where() -> str:
    from huggingface_hub import constants

    return _variable() or str(Path(constants.HF_TOKEN_PATH))


def _read(said: dict[str, Any]) -> Account:
    token = (said.get("auth") or {}).get("accessToken") or {}
    role = str(token.get("role") or "")
    return Account(
        name=one_line(str(said.get("name") or "?"), 60),
        token_name=one_line(str(token.get("displayName") or ""), 60),
        role=role,
        may_write=role == "write" or (role == "fineGrained" and _fine_write(token.get("fineGrained") or {})),
        where=_where(),
    )


def _fine_write(rights: dict[str, Any]) -> bool:
    # A fine-grained token lists what it may do for each of its scopes (the user, organisations, single repositories).
    return any(
        "repo.write" in (scope.get("permissions") or []) and (scope.get("entity") or {}).get("type") == "user"
        for scope in rights.get("scoped") or []
        if isinstance(scope, dict)
    )


@contextmanager
def _in_our_words() -> Iterator[None]:
    from huggingface_hub.errors import HfHubHTTPError

    # The root of all that the hub's HTTP client throws, whichever client this version of it uses.
    http_error = HfHubHTTPError.__bases__[0]
    try:
        yield
    except HfHubHTTPError as error:
        code = getattr(error.response, "status_code", None)
        if code in (401, 403):
            raise TarotError(
                _("The hub does not accept this token: it is wrong, was revoked, or has expired.")
            ) from None
        raise TarotError(_("The hub answers with HTTP {code}: try again later.").format(code=code)) from None
    except (http_error, OSError) as error:
        # Not the error's words: they may quote the header, and so the token.
        raise TarotError(
            _("The hub cannot be reached ({reason}): look at the connection and HF_ENDPOINT.").format(
                reason=type(error).__name__
            )
        ) from None
