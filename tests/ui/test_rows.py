"""Rows drawn as HTML say foreign words as words."""

from ui import rows

_FOREIGN = '<img src=x onerror="alert(1)">&'
_SAID = "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&amp;"


def test_foreign_words_never_become_markup():
    drawn = rows.line(
        rows.named(_FOREIGN, rows.caption(_FOREIGN) + rows.caption(_FOREIGN, is_alarming=True)),
        rows.figure(_FOREIGN, width=60),
        rows.strong(_FOREIGN),
    )
    assert "<img" not in drawn
    assert drawn.count(_SAID) == 5


def test_what_alarms_stands_out_from_other_small_print():
    assert rows.caption("Failed", is_alarming=True) != rows.caption("Failed")
