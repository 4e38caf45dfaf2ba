"""Where do platforms deliver, what came, and what became of it?"""

from actions.viewer import ADMIN
from ui import shell, webhooks

view = shell.begin("Webhooks", ADMIN, narrowing=False)
webhooks.draw(view)
