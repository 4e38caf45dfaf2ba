"""Who refers with most effect, and where do I stand?"""

from ui import leaderboard, shell

view = shell.begin("Leaderboard", narrowing=False)
leaderboard.draw(view)
