"""The wizard, or a run's live view, with a driver that writes down what Textual wanted to send."""

import json
import sys
from pathlib import Path

from tarot_tui.project import find
from tarot_tui.tui import base
from tarot_tui.tui.driver import SlimDriver


class Recorder(SlimDriver):
    def write(self, data):
        with open(sys.argv[1], "a", encoding="utf-8") as file:
            file.write(json.dumps([self._app.size.width, self._app.size.height, data]) + "\n")
        super().write(data)


if __name__ == "__main__":
    base.driver_class = lambda: Recorder
    folder = Path(sys.argv[2])
    if folder.parent.name == "jobs":
        from tarot_tui.tui.watch_app import WatchApp

        WatchApp(find(folder), folder).run()
    else:
        from tarot_tui.tui.app import WizardApp

        WizardApp(find(folder)).run()
