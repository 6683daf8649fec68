"""What calendars are at instants around every jump of every zone's clock from 2026 to 2036, by rules of its own.

Writes a line of JSON for each zone: `probes` (ms) with the wall clock's `offsets` (s), calendars, and per calendar a digit for
each probe, 1 for open. For the zones named as arguments also the edges around jumps.
"""
import json
import sys
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

BEGIN = int(datetime(2026, 1, 1, tzinfo=timezone.utc).timestamp())
END = int(datetime(2037, 1, 1, tzinfo=timezone.utc).timestamp())
DAY = 86400
ALL = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
AROUND = [m * 60_000 for m in (-61, -46, -31, -16, -1, 0, 1, 14, 16, 29, 31, 46, 61)] + [-1, 1]
MONTHLY = [
    int(datetime(year, month, 1, 2, 20, tzinfo=timezone.utc).timestamp() * 1000)
    for year in range(2026, 2037)
    for month in range(1, 13)
]
# The edges are compared for half a week before and after so many jumps of a zone.
JUMPS_WITH_EDGES = 6
STEP = 600


def wall(zone, ms):
    return datetime.fromtimestamp(ms // 1000, zone)


def offset(zone, second):
    return datetime.fromtimestamp(second, zone).utcoffset()


def jumps(zone):
    for at in range(BEGIN, END, 3 * DAY):
        before, after = at, min(at + 3 * DAY, END)
        old = offset(zone, before)
        if offset(zone, after) == old:
            continue
        while after - before > 1:
            middle = (before + after) // 2
            if offset(zone, middle) == old:
                before = middle
            else:
                after = middle
        yield after


def week(*spans):
    return [{"days": days, "from": begin, "to": end} for days, begin, end in spans]


def exceptions(days, *spans):
    hours = [{"from": begin, "to": end} for begin, end in spans]
    return [{"date": day.isoformat(), "hours": hours} for day in sorted(days)]


def calendars(zone, instants):
    """A few with edges at night, some with exceptions on the dates of jumps or on those before."""
    dates = {wall(zone, at * 1000 - side).date() for at in instants for side in (0, 1)}
    before = {wall(zone, at * 1000 - 1).date() - timedelta(days=1) for at in instants}
    return [
        {"hours": hours, "exceptions": special}
        for hours, special in (
            (week((ALL, "02:15", "02:45")), []),
            (week((ALL, "00:30", "02:00"), (ALL, "02:30", "03:30")), []),
            (week((ALL, "22:00", "02:30")), []),
            (week((["sat", "sun"], "01:00", "03:00"), (ALL[:5], "23:45", "01:30")), []),
            (week((ALL[:5], "08:00", "17:00")), exceptions(dates, ("01:15", "02:45"))),
            (week((ALL, "23:00", "03:00")), exceptions(before, ("22:30", "02:15"))),
            (week((ALL, "20:00", "04:00")), exceptions(dates)),
            (week((ALL, "00:00", "24:00")), exceptions(dates, ("00:30", "00:30"))),
        )
    ]


def minutes(text):
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


class Rules:
    def __init__(self, calendar):
        self.week = [
            [(minutes(one["from"]), minutes(one["to"])) for one in calendar["hours"] if name in one["days"]] for name in ALL
        ]
        self.special = {
            date.fromisoformat(one["date"]): [(minutes(span["from"]), minutes(span["to"])) for span in one["hours"]]
            for one in calendar["exceptions"]
        }

    def own(self, day):
        return self.special[day] if day in self.special else self.week[day.weekday()]

    def is_open(self, local):
        day, now = local.date(), local.hour * 60 + local.minute
        if any(begin <= now and (now < end or end <= begin) for begin, end in self.own(day)):
            return True
        if day in self.special:
            return False
        return any(end <= begin and now < end for begin, end in self.own(day - timedelta(days=1)))


def edges(zone, rules, begin, end):
    """In ms, after one second and up to another; no hours of the calendars, and no gap, is as short as a step."""
    found = []
    state = rules.is_open(wall(zone, begin * 1000))
    for second in range(begin, end, STEP):
        before, after = second * 1000, (second + STEP) * 1000
        if rules.is_open(wall(zone, after)) == state:
            continue
        while after - before > 1:
            middle = (before + after) // 2
            if rules.is_open(wall(zone, middle)) == state:
                before = middle
            else:
                after = middle
        found.append(after)
        state = not state
    return found


def report(name, with_edges):
    zone = ZoneInfo(name)
    instants = list(jumps(zone))
    family = calendars(zone, instants)
    rules = [Rules(one) for one in family]
    probes = MONTHLY + [at * 1000 + step for at in instants for step in AROUND]
    locals_ = [wall(zone, ms) for ms in probes]
    windows = [(at - 7 * DAY // 2, at + 7 * DAY // 2) for at in instants[:JUMPS_WITH_EDGES]] if with_edges else []
    return {
        "zone": name,
        "probes": probes,
        "offsets": [int(local.utcoffset().total_seconds()) for local in locals_],
        "calendars": family,
        "open": ["".join("01"[one.is_open(local)] for local in locals_) for one in rules],
        "windows": [
            {"from": begin * 1000, "until": end * 1000, "edges": [edges(zone, one, begin, end) for one in rules]}
            for begin, end in windows
        ],
    }


sample = set(sys.argv[1:])
for name in sorted(available_timezones()):
    json.dump(report(name, name in sample), sys.stdout)
    print()
