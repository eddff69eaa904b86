"""The proxies that the environment names, spelled as HTTP clients understand them."""

from __future__ import annotations

from collections.abc import MutableMapping


def spell_out(environment: MutableMapping[str, str]) -> None:
    """Turn ``socks://`` in the proxy variables of ``environment`` into ``socks5://``, here and for child processes.

    GNOME and many VPN programs write it that way (and mean version 5); httpx and huggingface_hub raise ValueError.
    """
    for name, value in list(environment.items()):
        if name.lower().endswith("_proxy") and value.lower().startswith("socks://"):
            environment[name] = f"socks5{value[len('socks') :]}"
