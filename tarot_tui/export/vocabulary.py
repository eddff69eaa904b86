"""llama.cpp's tokenizer on a GGUF's vocabulary alone: no weights are read, whatever the size of the file.

The wheel ``xllamacpp`` carries llama.cpp's C functions (``include/llama.h``) but offers none of these in Python. For a
process of its own: a damaged file can make llama.cpp abort.
"""

from __future__ import annotations

import ctypes as c
from pathlib import Path

from tarot_tui.errors import TarotError
from tarot_tui.locale import _

# ``vocab_only`` in ``llama_model_params``: its place behind four null pointers, and the defaults of it and of the flags
# that follow it. Where another llama.cpp has something else there, the whole file is loaded, which only takes longer.
_VOCAB_ONLY = 72
_DEFAULTS = bytes(4 * 8) + bytes((False, False, True, False, False))

_pointer, _int32 = c.c_void_p, c.c_int32
_Log = c.CFUNCTYPE(None, c.c_int, c.c_char_p, c.c_void_p)


class _Parameters(c.Structure):
    """``llama_model_params``, passed by value; its fields are llama.cpp's. More room than it needs does no harm."""

    _fields_ = [("raw", c.c_uint8 * 1024)]


_FUNCTIONS = {
    "llama_log_set": (None, [_Log, _pointer]),
    "llama_backend_init": (None, []),
    "llama_model_default_params": (_Parameters, []),
    "llama_model_load_from_file": (_pointer, [c.c_char_p, _Parameters]),
    "llama_model_free": (None, [_pointer]),
    "llama_model_get_vocab": (_pointer, [_pointer]),
    "llama_vocab_get_add_bos": (c.c_bool, [_pointer]),
    "llama_vocab_is_eog": (c.c_bool, [_pointer, _int32]),
    "llama_tokenize": (
        _int32,
        [_pointer, c.c_char_p, _int32, c.POINTER(_int32), _int32, c.c_bool, c.c_bool],
    ),
}


class Vocabulary:
    """A context manager around a GGUF's vocabulary. Raises TarotError when llama.cpp is missing or declines."""

    def __init__(self, gguf: Path) -> None:
        self._gguf = gguf

    def __enter__(self) -> Vocabulary:
        self._lib = _library()
        self._quiet = _Log(lambda _level, _text, _data: None)  # kept, since llama.cpp goes on calling it
        self._lib.llama_log_set(self._quiet, None)
        self._lib.llama_backend_init()
        parameters = self._lib.llama_model_default_params()
        start = _VOCAB_ONLY - 4 * 8
        if bytes(parameters.raw[start : start + len(_DEFAULTS)]) == _DEFAULTS:
            parameters.raw[_VOCAB_ONLY] = True
        self._model = self._lib.llama_model_load_from_file(str(self._gguf).encode(), parameters)
        if not self._model:
            raise TarotError(
                _("llama.cpp cannot read the vocabulary of {file}.").format(file=self._gguf.name)
            )
        self._vocab = self._lib.llama_model_get_vocab(self._model)
        return self

    def __exit__(self, *_exception: object) -> None:
        self._lib.llama_model_free(self._model)

    @property
    def adds_bos(self) -> bool:
        """Whether a BOS is put before every prompt."""
        return self._lib.llama_vocab_get_add_bos(self._vocab)

    def ends(self, token: int) -> bool:
        """Whether generation stops at this token, whatever stop strings are given."""
        return self._lib.llama_vocab_is_eog(self._vocab, token)

    def tokenize(self, text: str, *, as_prompt: bool = False) -> list[int]:
        """The ids of ``text``, control tokens read as such; ``as_prompt`` with what is put around a prompt (BOS)."""
        raw = text.encode("utf-8")
        room = len(raw) + 8
        found = (_int32 * room)()
        count = self._lib.llama_tokenize(self._vocab, raw, len(raw), found, room, as_prompt, True)
        if count < 0:  # it asks for more room than a token per byte
            raise TarotError(_("llama.cpp cannot tokenise with {file}.").format(file=self._gguf.name))
        return list(found[:count])


def _library() -> c.CDLL:
    """The wheel's shared object, with the functions that are used here typed."""
    try:
        from xllamacpp import xllamacpp
    except ImportError:
        raise TarotError(_("llama.cpp is not installed: pip install 'tarot-tui[chat]'.")) from None
    library = c.CDLL(xllamacpp.__file__)
    for name, (result, arguments) in _FUNCTIONS.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise TarotError(
                _("This xllamacpp lacks {name}: install the version that tarot-tui was made with.").format(
                    name=name
                )
            ) from None
        function.restype, function.argtypes = result, arguments
    return library
