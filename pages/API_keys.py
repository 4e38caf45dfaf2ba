"""Which programs may read our numbers, what may each do, and which key is used no longer?"""

from actions.viewer import ADMIN
from ui import api_keys, shell

view = shell.begin("API keys", ADMIN, narrowing=False)
api_keys.draw(view)
