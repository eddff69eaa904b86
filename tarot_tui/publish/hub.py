"""The Hugging Face hub: a private repository unless told otherwise, everything in one commit.

Files are sent before the commit and kept there by their hash, so an upload that broke off goes on with what is
missing, and a repository never shows half of a release. The token is the one huggingface_hub finds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tarot_tui.errors import Refused, TarotError
from tarot_tui.locale import _
from tarot_tui.publish.contents import Item
from tarot_tui.text import one_line

#: Told what is happening, and how many of how many bytes are done.
Report = Callable[[str, int, int], None]


def check(repository: str, *, public: bool) -> None:
    """Raise Refused without a token, or when the repository exists and more people could read it than asked for."""
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.errors import RepositoryNotFoundError

    if not get_token():
        raise Refused(
            _("Publishing on the hub needs a token with the right to write: 'tarot-tui login' stores one.")
        )
    with _in_our_words(repository):
        try:
            private = HfApi().repo_info(repository).private
        except RepositoryNotFoundError:
            return
    if not private and not public:
        raise Refused(
            _("{repository} exists and everybody can read it: pass --public, or choose another name.").format(
                repository=repository
            )
        )


def send(items: list[Item], repository: str, report: Report, *, public: bool, message: str) -> str:
    """Upload ``items`` and commit them; the address of the repository. Raises TarotError in the hub's words."""
    from huggingface_hub import CommitOperationAdd, HfApi

    api = HfApi()
    with _in_our_words(repository):
        address = api.create_repo(repository, private=not public, exist_ok=True)
        total, done, operations = sum(item.size for item in items), 0, []
        for item in items:
            report(item.name, done, total)
            operation = CommitOperationAdd(item.name, str(item.source))
            api.preupload_lfs_files(repository, [operation])
            operations.append(operation)
            done += item.size
        report(_("making the commit"), total, total)
        api.create_commit(repository, operations, commit_message=message)
    return str(address)


@contextmanager
def _in_our_words(repository: str) -> Iterator[None]:
    from huggingface_hub.errors import HfHubHTTPError

    # The root of all that the hub's HTTP client throws, whichever client this version of it uses.
    http_error = HfHubHTTPError.__bases__[0]
    try:
        yield
    except HfHubHTTPError as error:
        raise TarotError(_said(repository, error)) from error
    except (http_error, OSError, RuntimeError) as error:
        # Not the error's own words, which may quote a signed address.
        raise TarotError(
            _(
                "The connection to the hub broke off ({reason}): the same command goes on with what is missing."
            ).format(reason=type(error.__cause__ or error).__name__)
        ) from error


def _said(repository: str, error: Exception) -> str:
    code = getattr(getattr(error, "response", None), "status_code", None)
    if code in (401, 403):
        return _(
            "The hub does not let this token write to {repository}: it needs the right to write there "
            "(huggingface.co/settings/tokens)."
        ).format(repository=repository)
    words = getattr(error, "server_message", None) or type(error).__name__
    return _("The hub declined {repository}: {words}.").format(
        repository=repository, words=one_line(str(words), 200).rstrip(".")
    )
