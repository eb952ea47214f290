"""What Schemathesis cannot know from the description: NDJSON is text, and questions have names."""

import schemathesis

# Of the sample surveys. A random name alone would never get past "there is no such question".
QUESTIONS = ["recommend", "reason", "knowledge", "comment", "mood", "helpful", "satisfaction", "effort"]


@schemathesis.serializer("application/x-ndjson")
def ndjson(context, value):
    text = value if isinstance(value, str) else str(value)
    return text.encode("utf-8", errors="surrogatepass")


@schemathesis.hook
def map_body(context, body):
    items = body if isinstance(body, list) else [body]
    for item in items:
        answers = item.get("answers") if isinstance(item, dict) else None
        if isinstance(answers, dict):
            item["answers"] = named(answers)
    return body


def named(answers):
    """The values under the names of questions, and scores near a scale; what is over keeps its own name."""
    names = iter(QUESTIONS)
    return {next(names, name): near_a_scale(value) for name, value in answers.items()}


def near_a_scale(value):
    return value % 14 - 2 if type(value) is int else value
