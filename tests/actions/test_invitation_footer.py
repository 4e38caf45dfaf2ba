"""What stands below an invitation is text of one line each, whatever people and companies are called."""

from actions.invitations import footer_of


def test_names_below_an_invitation_neither_turn_nor_break_its_text():
    words = footer_of("Ada\u202e\x1b[31m\r\nNo more: x", "Acme\u2066\ud800\x85GmbH", ("a", "b")).words
    assert "because Ada[31m No more: x gave Acme\N{REPLACEMENT CHARACTER} GmbH your name" in words
    assert words.isprintable()
