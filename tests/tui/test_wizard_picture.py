"""The look of the wizard's most crowded step."""

from __future__ import annotations

from tarot_tui.project import create
from tarot_tui.tui.app import WizardApp


def test_the_look_of_the_dataset_step(tmp_path, until, colours, snap_compare):
    project = create(tmp_path / "my-model", example=True)
    project.remember("step", "dataset")

    async def shown(pilot):
        await until(pilot, "What does The Fool mean upright?")

    assert snap_compare(WizardApp(project), terminal_size=(120, 40), run_before=shown)
