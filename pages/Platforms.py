"""How do our connections stand, what is wrong with them, and how is another one made?"""

from actions.viewer import ADMIN
from ui import connections, shell

view = shell.begin("Platforms", ADMIN, narrowing=False)
connections.draw(view)
