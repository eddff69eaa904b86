"""Where Ollama is: ``OLLAMA_HOST``, read as Ollama's own command line reads it."""

from __future__ import annotations

import ipaddress
import os


def ollama_url(host: str | None = None) -> str:
    """The base URL for ``host``, or for ``$OLLAMA_HOST`` when None; ``http://127.0.0.1:11434`` when neither says more.

    The rules are those of ``envconfig.ConnectableHost`` in Ollama's source: without a scheme http and port 11434,
    with ``http://`` port 80, with ``https://`` port 443; an invalid port counts as none; an address that one can
    bind to but not connect to (``0.0.0.0``, ``::``) stands for this machine. A path is kept, for reverse proxies.
    """
    text = (os.environ.get("OLLAMA_HOST", "") if host is None else host).strip().strip("\"'").strip()
    scheme, found, rest = text.partition("://")
    if not found:
        scheme, rest = ("https", "ollama.com:443") if text == "ollama.com" else ("http", text)
    default_port = {"http": 80, "https": 443}.get(scheme, 11434) if found else 11434
    hostport, slash, path = rest.partition("/")
    name, port = _split(hostport, default_port)
    return f"{scheme}://{name}:{port}{slash}{path}".rstrip("/")


def _split(hostport: str, default_port: int) -> tuple[str, int]:
    address = _address(hostport)
    if address is None and (hostport.count(":") == 1 or "]:" in hostport):
        host, _colon, digits = hostport.rpartition(":")
        port = int(digits) if digits.isascii() and digits.isdigit() and int(digits) <= 65535 else default_port
        address = _address(host)
    else:
        host, port = hostport, default_port
    if address is None:
        return host or "127.0.0.1", port
    if address.is_unspecified:
        address = ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")
    return (f"[{address}]" if address.version == 6 else str(address)), port


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None


def is_this_machine(url: str) -> bool:
    """Whether ``url`` leads to this machine; such requests must not go through a proxy."""
    from urllib.parse import urlsplit

    host = urlsplit(url).hostname or ""
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)
