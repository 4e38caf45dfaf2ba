"""What did the syncs do, what went wrong, and what helps?"""

from actions.viewer import ADMIN
from ui import shell, sync_history

view = shell.begin("Sync jobs", ADMIN, narrowing=False)
sync_history.panel(view)
