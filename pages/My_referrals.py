"""What became of those I referred, what do I get for it, and who followed my links?"""

from ui import referral_lists, shell

view = shell.begin("My referrals", narrowing=False)
referral_lists.draw(view)
