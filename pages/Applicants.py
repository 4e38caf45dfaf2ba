"""Who applied, by which source and how far did they come, and who says so?"""

from ui import applicants, shell

view = shell.begin("Applicants")
applicants.draw(view)
shell.freshness(view)
