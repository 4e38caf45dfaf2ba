"""How well do the platforms answer, what is left of their quotas, and what is wrong now?"""

from actions.viewer import ADMIN
from ui import health, shell

view = shell.begin("Platform health", ADMIN, narrowing=False)
health.draw(view)
