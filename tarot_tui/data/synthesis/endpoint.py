"""One request to an OpenAI-compatible server, and what its answer means.

The protocol: ``POST {base}/chat/completions`` (platform.openai.com/docs/api-reference/chat, llama.cpp's tools/server,
vLLM, docs.ollama.com/api/openai-compatibility). What a server does not take is left out from then on: first the JSON
schema, then JSON mode; ``max_tokens`` under its newer name; ``temperature``.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from tarot_tui.data.synthesis.prompt import Prompt
from tarot_tui.data.synthesis.tokens import of_messages, of_text
from tarot_tui.errors import BadInput, TarotError
from tarot_tui.locale import _
from tarot_tui.ollama_host import is_this_machine
from tarot_tui.text import one_line

#: The longest reply in bytes that is read; more is no reply.
_LONGEST = 16_000_000
_CONNECT_SECONDS = 10.0
#: Words in a server's complaint that is about the form of the reply we ask for.
_ABOUT_REPLY = ("response_format", "json_schema", "json_object", "json mode", "schema", "grammar")


class Passing(Exception):
    """It may well work later.

    wait: seconds that the server asks for. slow_down: whether all requests should wait. nobody: whether nobody was
    there to ask.
    """

    def __init__(
        self, reason: str, *, wait: float | None = None, slow_down: bool = False, nobody: bool = False
    ) -> None:
        super().__init__(reason)
        self.wait = wait
        self.slow_down = slow_down
        self.nobody = nobody


class Declined(Exception):
    """This row will not be answered, however often it is asked; others may be. The reason is a sentence."""


class Dead(TarotError):
    """No row will be answered: what has to be mended first."""


class NoKey(Dead, BadInput):
    """The server wants another key."""


@dataclass(frozen=True)
class Usage:
    """Tokens of one request. counted: by the server; else estimated from the text."""

    prompt: int
    completion: int
    counted: bool


@dataclass(frozen=True)
class Answer:
    """What the model said. cut: it reached ``max_tokens``. refused: the server marks it as a refusal."""

    text: str
    usage: Usage
    cut: bool = False
    refused: bool = False


class Endpoint:
    """A server; safe to use from several threads. A context manager."""

    def __init__(self, url: str, model: str, key: str = "", timeout: float = 180.0) -> None:
        """``url`` as from :func:`place.base_url`; ``timeout``: seconds for one whole answer."""
        self.model = model
        self._url = url
        self._timeout = timeout
        self._key = key
        self._dialect = _Dialect()
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(timeout, connect=_CONNECT_SECONDS),
            # How many at a time is the caller's business.
            limits=httpx.Limits(max_connections=None),
            # No redirects: a key must not follow one to another host.
            follow_redirects=False,
            trust_env=not is_this_machine(url),
        )

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._client.close()

    def ask(self, messages: list[dict[str, str]], prompt: Prompt) -> Answer:
        """One answer. Raises Passing, Declined or Dead."""
        while True:
            form = self._dialect.form
            status, headers, body = self._post(self._dialect.request(form, self.model, messages, prompt))
            if status == 200:
                return _answer(body, messages)
            words = _words(body)
            if status in (400, 422, 500, 501) and self._dialect.give_in(form, words):
                continue
            raise self._error(status, headers, words, body)

    def models(self) -> list[str]:
        """The models that the server lists; empty when it does not say."""
        try:
            status, _headers, body = self._fetch("GET", "/models", None)
            found = json.loads(body)["data"] if status == 200 else []
            return [one_line(str(one["id"]), 80) for one in found]
        except (Passing, ValueError, KeyError, TypeError):
            return []

    def _post(self, request: dict[str, Any]) -> tuple[int, httpx.Headers, bytes]:
        return self._fetch("POST", "/chat/completions", request)

    def _fetch(
        self, method: str, path: str, request: dict[str, Any] | None
    ) -> tuple[int, httpx.Headers, bytes]:
        deadline = time.monotonic() + self._timeout
        body = bytearray()
        try:
            with self._client.stream(method, self._url + path, json=request) as response:
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > _LONGEST:
                        raise Passing(_("the reply is far too long"))
                    # The client's own limit is for each piece: a server that drips would hold us for ever.
                    if time.monotonic() > deadline:
                        raise httpx.ReadTimeout("")
                return response.status_code, response.headers, bytes(body)
        except httpx.ConnectError as error:
            reason = _("cannot be reached: {reason}").format(reason=one_line(str(error), 120))
            raise Passing(reason, slow_down=True, nobody=True) from None
        except httpx.TimeoutException:
            raise Passing(_("no answer within {seconds:.0f} s").format(seconds=self._timeout)) from None
        except httpx.HTTPError as error:
            said = one_line(str(error), 120) or type(error).__name__
            raise Passing(_("the connection broke: {reason}").format(reason=said)) from None

    def _error(self, status: int, headers: httpx.Headers, words: str, body: bytes) -> Exception:
        said = self._plain(words)
        if status in (401, 403):
            return NoKey(
                _("The server wants another key ({status}: {said}): see --key-env and --key-file.").format(
                    status=status, said=said
                )
            )
        if status == 402 or "insufficient_quota" in body.decode("utf-8", "replace"):
            return Dead(_("The account has no credit left: {said}.").format(said=said))
        if status == 404:
            return Dead(self._not_found(said))
        if status == 429 or status in (502, 503, 504):
            reason = _("{status}: {said}").format(status=status, said=said)
            return Passing(reason, wait=retry_after(headers), slow_down=True)
        if status >= 500 or status in (408, 409, 425):
            return Passing(_("{status}: {said}").format(status=status, said=said), wait=retry_after(headers))
        if status in (400, 413, 422):
            return Declined(_("{status}: {said}").format(status=status, said=said))
        return Dead(_("The server answers {status}: {said}.").format(status=status, said=said))

    def _not_found(self, said: str) -> str:
        if known := self.models():
            return _("There is no model '{model}' on the server; it has {known}.").format(
                model=one_line(self.model, 80), known=one_line(", ".join(known), 300)
            )
        return _("{url} is no OpenAI-compatible endpoint, or has no model '{model}': {said}.").format(
            url=self._url, model=one_line(self.model, 80), said=said
        )

    def _plain(self, words: str) -> str:
        """The server's words, without the key that some repeat in them."""
        if self._key:
            words = words.replace(self._key, "…")
        return one_line(words, 200).rstrip(".") or "?"


class _Dialect:
    """Which form of the request the server takes; learnt from what it declines, for all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.form: tuple[str, str, bool] = ("json_schema", "max_tokens", True)

    def request(
        self, form: tuple[str, str, bool], model: str, messages: list[dict[str, str]], prompt: Prompt
    ) -> dict[str, Any]:
        reply, limit, temperature = form
        request: dict[str, Any] = {"model": model, "messages": messages, "stream": False}
        if limit:
            request[limit] = prompt.max_tokens
        if temperature and prompt.temperature is not None:
            request["temperature"] = prompt.temperature
        if reply == "json_schema":
            schema = {"name": "samples", "strict": True, "schema": prompt.schema()}
            request["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif reply == "json_object":
            request["response_format"] = {"type": "json_object"}
        return request

    def give_in(self, form: tuple[str, str, bool], words: str) -> bool:
        """Whether another form should be tried, after ``form`` was declined with ``words``."""
        reply, limit, temperature = form
        said = words.lower()
        if "max_completion_tokens" in said and limit == "max_tokens":
            limit = "max_completion_tokens"
        elif "temperature" in said and temperature:
            temperature = False
        elif reply and any(word in said for word in _ABOUT_REPLY):
            reply = {"json_schema": "json_object", "json_object": ""}[reply]
        else:
            return False
        with self._lock:
            if self.form == form:
                self.form = (reply, limit, temperature)
        return True


def retry_after(headers: httpx.Headers) -> float | None:
    """Seconds that the server asks to wait (``retry-after-ms``, ``Retry-After`` in seconds or as a date), or None."""
    try:
        if milliseconds := headers.get("retry-after-ms"):
            return max(0.0, float(milliseconds) / 1000)
        if not (text := headers.get("retry-after")):
            return None
        if text.strip().replace(".", "", 1).isdigit():
            return float(text)
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def _answer(body: bytes, messages: list[dict[str, str]]) -> Answer:
    try:
        found = json.loads(body)
        choice = found["choices"][0]
        message = choice["message"]
        text, refusal = message.get("content"), message.get("refusal")
        reason = choice.get("finish_reason")
        text = "" if text is None else text
        if not isinstance(text, str):
            raise TypeError
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise Passing(_("the server's reply is not that of a chat completion")) from None
    refused = bool(refusal) or reason == "content_filter"
    return Answer(text or str(refusal or ""), _usage(found, messages, text), reason == "length", refused)


def _usage(found: dict[str, Any], messages: list[dict[str, str]], text: str) -> Usage:
    usage = found.get("usage")
    counts = (
        [usage.get(key) for key in ("prompt_tokens", "completion_tokens")] if isinstance(usage, dict) else []
    )
    if len(counts) == 2 and all(type(count) is int and 0 <= count < 10**9 for count in counts):
        return Usage(counts[0], counts[1], counted=True)
    return Usage(of_messages(messages), of_text(text), counted=False)


def _words(body: bytes) -> str:
    """What a server says is wrong: ``{"error": {"message": …}}``, ``{"error": …}``, ``{"message"|"detail": …}`` or text."""
    text = body[:20_000].decode("utf-8", "replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(found, dict):
        error = found.get("error", found)
        if isinstance(error, dict):
            error = error.get("message") or error.get("detail") or text
        return error if isinstance(error, str) else json.dumps(error, ensure_ascii=False)
    return text
