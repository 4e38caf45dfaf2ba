"""What would this file bring, where did its numbers go, and how is an earlier one taken back?"""

from actions.viewer import ADMIN
from ui import import_history, import_screen, shell

view = shell.begin("Import", ADMIN, narrowing=False)
import_screen.draw(view)
import_history.draw(view)
