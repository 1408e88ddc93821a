"""The terminal that other tests look at: what it shows does not depend on where a read ends."""

from terminal import Screen

WRITTEN = "\033[?1049h\033[H\u2581\u2588 \u00b5s\033[K\r\n\033[1mRTT\033[m\033[5;2H\U0001f600".encode()
SHOWN = "\u2581\u2588 \u00b5s\nRTT\n\n\n \U0001f600"


def test_a_read_may_end_within_a_character_or_a_sequence():
    for size in range(1, len(WRITTEN) + 1):
        screen = Screen(20, 6)
        for at in range(0, len(WRITTEN), size):
            screen.write(WRITTEN[at:at + size])
        assert screen.text() == SHOWN, size
