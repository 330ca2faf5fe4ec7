"""Times as the macros say them: `moment.js` formats, in English, and spans as people say them ("5 minutes").

Python's own strftime speaks the language of the system; a prompt should not depend on it.
"""

import re
from datetime import datetime, timedelta, timezone

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
LONG = {"LT": "h:mm A", "LTS": "h:mm:ss A", "L": "MM/DD/YYYY", "LL": "MMMM D, YYYY", "LLL": "MMMM D, YYYY h:mm A"}
LONG["LLLL"] = "dddd, MMMM D, YYYY h:mm A"
_LONG = re.compile(r"\[[^\]]*\]|LTS|LT|L{1,4}")
_SIGNS = re.compile(r"\[[^\]]*\]|YYYY|YY|M{1,4}|Do|D{1,2}|d{3,4}|H{1,2}|h{1,2}|m{1,2}|s{1,2}|A|a|ZZ|Z|X")
_OFFSET = re.compile(r"(?:UTC|GMT)?\s*([+-]?\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)
SPANS = (  # below so many seconds, in what unit, the words
    (45, 1, "a few seconds"),
    (90, 60, "a minute"),
    (45 * 60, 60, "{} minutes"),
    (90 * 60, 3600, "an hour"),
    (22 * 3600, 3600, "{} hours"),
    (36 * 3600, 86400, "a day"),
    (26 * 86400, 86400, "{} days"),
    (45 * 86400, 86400, "a month"),
    (320 * 86400, 30.4 * 86400, "{} months"),
    (548 * 86400, 86400, "a year"),
)


def written(moment: datetime, form: str) -> str:
    """`moment` in a format of moment.js; what is no sign of it stays, and so does [what stands in brackets]."""
    form = _LONG.sub(lambda found: LONG.get(found[0], found[0]), form)
    return _SIGNS.sub(lambda found: _sign(moment, found[0]), form)


def shifted(moment: datetime, zone: str) -> datetime:
    """The same moment where the clocks are at "UTC+2". Raises ValueError for what is no offset."""
    found = _OFFSET.fullmatch(zone.strip())
    if not found or abs(int(found[1])) > 14:
        raise ValueError(f"no time zone: {zone:.20}")
    sign = -1 if found[1].startswith("-") else 1
    return moment.astimezone(timezone(timedelta(hours=int(found[1]), minutes=sign * int(found[2] or 0))))


def span(seconds: float) -> str:
    """A length of time as people say it; the thresholds are those of moment.js."""
    seconds = abs(seconds)
    for below, unit, words in SPANS:
        if seconds < below:
            return words.format(max(round(seconds / unit), 2))
    return f"{max(round(seconds / 31_556_952), 2)} years"


def _sign(moment: datetime, sign: str) -> str:
    if sign.startswith("["):
        return sign[1:-1]
    hour = moment.hour % 12 or 12
    offset = moment.strftime("%z") or "+0000"
    signs = {
        "YYYY": f"{moment.year:04}", "YY": f"{moment.year % 100:02}", "MMMM": MONTHS[moment.month - 1],
        "MMM": MONTHS[moment.month - 1][:3], "MM": f"{moment.month:02}", "M": f"{moment.month}",
        "Do": f"{moment.day}{_ordinal(moment.day)}", "DD": f"{moment.day:02}", "D": f"{moment.day}",
        "dddd": WEEKDAYS[moment.weekday()], "ddd": WEEKDAYS[moment.weekday()][:3], "HH": f"{moment.hour:02}",
        "H": f"{moment.hour}", "hh": f"{hour:02}", "h": f"{hour}", "mm": f"{moment.minute:02}", "m": f"{moment.minute}",
        "ss": f"{moment.second:02}", "s": f"{moment.second}", "A": "AM" if moment.hour < 12 else "PM",
        "a": "am" if moment.hour < 12 else "pm", "Z": f"{offset[:3]}:{offset[3:5]}", "ZZ": offset[:5],
        "X": f"{int(moment.timestamp())}",
    }  # fmt: skip
    return signs[sign]


def _ordinal(day: int) -> str:
    return "th" if 10 < day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
