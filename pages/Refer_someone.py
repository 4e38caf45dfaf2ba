"""Whom do I know for one of our openings, and how do I let them know?"""

from ui import referral_forms, shell

view = shell.begin("Refer someone", narrowing=False)
referral_forms.draw(view)
