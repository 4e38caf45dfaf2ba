"""Who referred whom, what is owed for it, which invitations need somebody, and what do referrals bring?"""

from actions.viewer import ADMIN
from ui import referral_desk, shell

view = shell.begin("Referral desk", ADMIN, narrowing=False)
referral_desk.draw(view)
