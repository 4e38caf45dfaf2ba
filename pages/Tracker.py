"""Is the career site heard: what arrives, what was filtered and why, and how is the tracker set up?"""

from actions.viewer import ADMIN
from ui import shell, tracker

view = shell.begin("Tracker", ADMIN, narrowing=False)
tracker.draw(view)
