"""What lies below each platform: which UTM sources, campaigns, paid or organic postings brought the numbers?"""

from ui import breakdowns, connection_states, shell

view = shell.begin("Sources")
connection_states.pills(view)
breakdowns.draw(view)
shell.freshness(view)
