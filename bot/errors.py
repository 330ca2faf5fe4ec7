"""Each failure is one sentence, and this is the one place where exceptions become sentences."""


class MienError(Exception):
    """Something the user can put right; its text is one sentence that says what to do."""
