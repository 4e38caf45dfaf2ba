"""What did each posting bring, from which platform, and which postings of the platforms wait to be linked?"""

from ui import posting_screens, shell

view = shell.begin("Postings")
posting_screens.draw(view)
shell.freshness(view)
