"""How far the class is: the latest result of each label and exercise, in one bounded place in Redis, for a day."""

import json
from collections import Counter, defaultdict

from classroom.check.verdict import FAILED, PASSED, together
from ledger import KEEP

KEY = "lab:checks"  # a hash; a field is an exercise, a slash and a label
MOST = 2000  # results that are kept


def keep(redis, label, exercise, checks):
    """Keep how these checks ended, in the place of what this label had for this exercise; False where all is full."""
    field = f"{exercise}/{label}"
    before, (seconds, micros) = redis.pipeline().hget(KEY, field).time().execute()
    now = seconds + micros / 1e6
    result = {
        "verdict": together(checks.values()),
        "passed": list(checks.values()).count(PASSED),
        "checks": len(checks),
        "stopped_by": next((check for check, verdict in checks.items() if verdict == FAILED), None),
    }
    before = json.loads(before) if before else {}
    is_same = before and all(before[name] == result[name] for name in ("verdict", "stopped_by"))
    result |= {"since": before["since"] if is_same else now, "at": now}
    is_new, _, count = redis.pipeline().hset(KEY, field, json.dumps(result)).expire(KEY, KEEP).hlen(KEY).execute()
    if is_new and count - drop_old(redis) > MOST:
        redis.hdel(KEY, field)
        return False
    return True


def drop_old(redis):
    """Forget what is older than a day; returns how many results that were."""
    now, results = read(redis)
    old = [f"{exercise}/{result['label']}" for exercise, result in results if result["at"] < now - KEEP]
    return redis.hdel(KEY, *old) if old else 0


def forget(redis):
    """Forget all results; returns how many there were."""
    return redis.pipeline().hlen(KEY).delete(KEY).execute()[0]


def read(redis):
    """The broker's time, and each result with its exercise."""
    (seconds, micros), kept = redis.pipeline().time().hgetall(KEY).execute()
    fields = [(field.split("/", 1), json.loads(result)) for field, result in sorted(kept.items())]
    return seconds + micros / 1e6, [(exercise, {"label": label} | result) for (exercise, label), result in fields]


def summary(redis):
    """Who is on which exercise, and which check stops how many: a label is where its latest result is."""
    now, results = read(redis)
    latest, by_exercise = {}, defaultdict(list)
    for exercise, result in sorted(results, key=lambda one: one[1]["at"]):
        if result["at"] >= now - KEEP:
            latest[result["label"]] = exercise
            by_exercise[exercise].append(result)
    for exercise, result in results:
        result["here"] = result["verdict"] != PASSED and latest.get(result["label"]) == exercise
    return {"now": now, "students": len(latest), "exercises": [about(*one) for one in sorted(by_exercise.items())]}


def about(exercise, results):
    """One exercise: how many passed it, how many are on it, and what stops them, the most frequent first."""
    stops = Counter(sorted(one["stopped_by"] for one in results if one["stopped_by"]))
    return {
        "exercise": exercise,
        "passed": sum(one["verdict"] == PASSED for one in results),
        "here": sum(one["here"] for one in results),
        "stops": [{"check": check, "students": count} for check, count in stops.most_common()],
        "results": sorted(results, key=lambda one: one["label"]),
    }
