"""LLaMA-Factory as an engine: its trainer, in a Python environment of its own, on the very tokens that were planned.

It is given no text but tokens, so its own templates, its cut and its packing have no part in what is learned: what is
served later is what was trained. Of it are used the loading of the model, the adapter, the optimiser and the loop.

:mod:`.environments` knows where it is installed, :mod:`.install` how that is done, :mod:`.arguments` what it is told,
:mod:`.job` makes a run of it, whose worker is :mod:`.starter`; ``inside/`` holds what runs in its own Python.
"""
