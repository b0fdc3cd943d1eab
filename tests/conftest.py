"""What all tests start from."""

import signal

# A shell's ``&`` and nohup have signals ignored, and py-mono leaves them so: tests that send them need the default.
for _number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)
