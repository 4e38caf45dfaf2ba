"""Which links do we share, how often was each clicked, and how is another one made?"""

from ui import links, shell

view = shell.begin("Links", narrowing=False)
links.draw(view)
