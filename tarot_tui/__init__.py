"""From a folder of office documents to your own chat model, without leaving the terminal."""

__version__ = "0.1.0"
