"""A job's worker, as it is started for one process, with a clock: ``ours.py``, and the job in TAROT_JOB_DIR."""

from tarot_tui.training.engines import native

make_trainer = native.make_trainer


def with_clock(*args):
    from clock import Clock

    trainer = make_trainer(*args)
    trainer.add_callback(Clock())
    return trainer


native.make_trainer = with_clock
native.main()
